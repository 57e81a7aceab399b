/*
 * The manual page topwork(1), made from the tables of verbs and options: `topwork --print-man`. The
 * build writes it; it is in the man macros, which every roff reads.
 */
#include "cli/cli.h"

#include <string.h>

static void print_letter(char letter)
{
    static const struct {
        char letter;
        const char *escape;
    } escapes[] = {{'-', "\\-"}, {'\\', "\\e"}, {'~', "\\(ti"}, {'^', "\\(ha"}, {'`', "\\(ga"}};

    for (size_t i = 0; i < sizeof escapes / sizeof escapes[0]; i++)
        if (letter == escapes[i].letter) {
            printf("%s", escapes[i].escape);
            return;
        }
    putchar(letter == '\n' ? ' ' : letter);
}

/* n letters as roff must see them; a line must not begin with . or '. */
static void print_word(const char *text, size_t n)
{
    if (n > 0 && (*text == '.' || *text == '\''))
        printf("\\&");
    for (size_t i = 0; i < n; i++)
        print_letter(text[i]);
}

static void print_text(const char *text)
{
    print_word(text, strlen(text));
}

/* The words of a text in source lines of at most SOURCE_WIDTH, escapes not counted. */
static void print_paragraph(const char *text)
{
    enum { SOURCE_WIDTH = 72 };
    size_t column = 0;

    while (*text) {
        size_t n = strcspn(text, " \n");
        if (column > 0 && column + 1 + n > SOURCE_WIDTH) {
            putchar('\n');
            column = 0;
        }
        printf("%s", column > 0 ? " " : "");
        print_word(text, n);
        column += (column > 0) + n;
        text += n + strspn(text + n, " \n");
    }
    putchar('\n');
}

static void print_section(const char *title)
{
    printf(".SH %s\n", title);
}

static void print_option(const cli_option *option)
{
    char text[512];

    printf(".TP\n");
    if (option->letter)
        printf("\\fB\\-%c\\fR, ", option->letter);
    printf("\\fB\\-\\-");
    print_text(option->name);
    printf("\\fR");
    if (option->argument) {
        printf(" \\fI");
        print_text(option->argument);
        printf("\\fR");
    }
    putchar('\n');
    cli_option_text(text, sizeof text, option);
    print_paragraph(text);
}

static void print_verb(const cli_verb *verb)
{
    static cli_args args;

    args = (cli_args){0};
    verb->add_options(&args);
    printf(".SS \"topwork %s", verb->name);
    printf(" [OPTION...]%s", *verb->words ? " " : "");
    print_text(verb->words);
    printf("\"\n");
    print_text(verb->summary);
    printf(".\n");
    if (verb->details) {
        printf(".PP\n");
        print_paragraph(verb->details);
    }
    for (int i = 0; i < args.n_options; i++)
        print_option(&args.options[i]);
    print_option(&cli_help_option);
}

static void print_item(const char *tag, const char *text)
{
    printf(".TP\n\\fB");
    print_text(tag);
    printf("\\fR\n");
    print_paragraph(text);
}

static void print_environment(void)
{
    print_section("ENVIRONMENT");
    print_item("TOPWORK_<OPTION>", "The value of an option that is not given, in capitals with _ "
                                   "for -: TOPWORK_BATCH_SIZE=64.");
    print_item("NO_COLOR", "When set and not empty: no colours, and pictures drawn in letters.");
    print_item("TERM", "dumb: no line is redrawn, as in a pipe.");
    print_item("XDG_CACHE_HOME",
               "Where the cache is, in topwork/activations, and what was fetched, in "
               "topwork/files; ~/.cache unless set.");
}

static void print_examples(void)
{
    static const char *const lines[] = {
        "topwork train digits --model vgg16-mini -o run",
        "topwork evaluate run digits",
        "topwork predict run digits:0-3 --show",
        "topwork fetch vgg16",
        "topwork train photos --model vgg16 -o photos-run",
        "topwork predict photos-run picture.jpg",
        "topwork extract photos --model vgg16 --layer fc2 -o f.npy",
    };

    print_section("EXAMPLES");
    print_paragraph("What is built in, without any file: a new top for a small network on digits, "
                    "its accuracy, and pictures beside their predictions. Then VGG16 with the "
                    "weights that are fetched for it, on a folder of class folders, and the "
                    "activations of a layer for NumPy:");
    printf(".PP\n.nf\n");
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        print_text(lines[i]);
        putchar('\n');
    }
    printf(".fi\n");
}

static void print_exit_codes(void)
{
    print_section("EXIT STATUS");
#define ITEM(code, text) print_item(#code, text);
    CLI_EXIT_LIST(ITEM)
#undef ITEM
}

void cli_print_manual(void)
{
    const cli_verb *verb;

    printf(".TH TOPWORK 1 \"%s\" \"topwork %s\" \"User Commands\"\n", TW_DATE, tw_version());
    print_section("NAME");
    printf("topwork \\- transfer learning: give a pretrained network a new top\n");
    print_section("SYNOPSIS");
    printf(".B topwork\n.I VERB\n[\\fIOPTION\\fR...] ...\n");
    print_section("DESCRIPTION");
    print_paragraph(
        "topwork takes a network that was trained on many pictures, keeps its layers up "
        "to a cut frozen, and trains a new top for the classes of your pictures. What "
        "the frozen layers make of a picture is computed once and kept.");
    printf(".PP\n");
    print_paragraph("Results go to standard output, progress and notes to standard error: redrawn "
                    "on a terminal, a plain line every ten seconds otherwise.");
    print_section("VERBS");
    for (int i = 0; (verb = cli_get_verb(i)); i++)
        print_verb(verb);
    print_environment();
    print_exit_codes();
    print_examples();
}
