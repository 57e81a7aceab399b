/*
 * Completion for bash and zsh, made from the tables of verbs and options. A value is completed from
 * the table that knows it (choices of an option, built-in networks, what can be fetched), otherwise
 * as a file. The words of a verb are read from its usage: lower-case ones stand for themselves,
 * NAME for what can be fetched, MODEL and DATA for a name or a file, all others for files.
 */
#include "cli/cli.h"

#include <string.h>

/* Calls visit for every option of the verb, the help option last. */
static void each_option(const cli_verb *verb, void (*visit)(const cli_verb *, const cli_option *))
{
    cli_args args = {0};

    verb->add_options(&args);
    for (int i = 0; i < args.n_options; i++)
        visit(verb, &args.options[i]);
    visit(verb, &cli_help_option);
}

/* Names that stand for something. One row a kind: kind, the function for it or a file in zsh. */
#define KNOWN_LIST(X)                    \
    X(KNOWN_NOTHING, "_files")           \
    X(KNOWN_MODELS, "_topwork_models")   \
    X(KNOWN_DATA, "_topwork_data")       \
    X(KNOWN_WEIGHTS, "_topwork_weights") \
    X(KNOWN_FETCHED, NULL)
#define KNOWN_ENUM(kind, function) kind,
typedef enum known { KNOWN_LIST(KNOWN_ENUM) N_KNOWN } known;
#undef KNOWN_ENUM

static const char *const known_functions[] = {
#define FUNCTION(kind, function) function,
    KNOWN_LIST(FUNCTION)
#undef FUNCTION
};

static bool is_known(known kind, const tw_fetch_info *info)
{
    return kind == KNOWN_FETCHED || (kind == KNOWN_DATA && info->kind == TW_FETCH_DATA) ||
           (kind == KNOWN_WEIGHTS && info->kind == TW_FETCH_WEIGHTS);
}

static void print_known(known kind)
{
    const char *separator = "";

    for (int i = 0; kind == KNOWN_MODELS && tw_model_builtin_name(i); i++) {
        printf("%s%s", separator, tw_model_builtin_name(i));
        separator = " ";
    }
    if (kind == KNOWN_DATA) {
        printf("digits");
        separator = " ";
    }
    for (int i = 0; tw_fetch_row(i); i++)
        if (is_known(kind, tw_fetch_row(i))) {
            printf("%s%s", separator, tw_fetch_row(i)->name);
            separator = " ";
        }
}

static void print_choices(const char *choices)
{
    for (const char *at = choices; *at; at += strcspn(at, ",") + 1)
        printf("%s%.*s", at == choices ? "" : " ", (int)strcspn(at, ","), at);
}

static known known_of_option(const cli_option *option)
{
    if (strcmp(option->name, "weights") == 0)
        return KNOWN_WEIGHTS;
    if (strcmp(option->argument, "MODEL") == 0)
        return KNOWN_MODELS;
    return strcmp(option->argument, "DATA") == 0 ? KNOWN_DATA : KNOWN_NOTHING;
}

static known known_of_verb(const cli_verb *verb)
{
    if (strncmp(verb->words, "NAME", 4) == 0)
        return KNOWN_FETCHED;
    if (strstr(verb->words, "MODEL"))
        return KNOWN_MODELS;
    return strstr(verb->words, "DATA") ? KNOWN_DATA : KNOWN_NOTHING;
}

/* Values that are no files: numbers, names of layers, specifications. */
static bool is_free(const cli_option *option)
{
    static const char *const words[] = {"N",    "F",     "K",    "LAYER",  "SPEC",
                                        "SIZE", "BYTES", "NAME", "SECONDS"};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(option->argument, words[i]) == 0)
            return true;
    return false;
}

/* The lower-case words of the verb's usage ("list", "clear"), or the names it knows. */
static void print_words(const cli_verb *verb)
{
    const char *separator = "";

    print_known(known_of_verb(verb));
    for (const char *at = verb->words; *at;) {
        size_t n = strcspn(at, " |[].");
        if (n > 0 && strspn(at, "abcdefghijklmnopqrstuvwxyz") == n) {
            printf("%s%.*s", separator, (int)n, at);
            separator = " ";
        }
        at += n + strspn(at + n, " |[].");
    }
}

/* Usage of words alone ("list | clear [KEY]"), of names to fetch or of nothing: no files. */
static bool takes_files(const cli_verb *verb)
{
    return known_of_verb(verb) != KNOWN_FETCHED && *verb->words >= 'A' && *verb->words <= 'Z';
}

/* ---- bash */

static void print_bash_option(const cli_verb *verb, const cli_option *option)
{
    (void)verb;
    if (option->letter)
        printf(" -%c", option->letter);
    printf(" --%s", option->name);
}

/* A row of the case that completes the value of an option. */
static void print_bash_value(const cli_verb *verb, const cli_option *option)
{
    const char *choices = cli_option_choices(option);

    if (!option->argument)
        return;
    printf("    \"%s --%s\"", verb->name, option->name);
    if (option->letter)
        printf(" | \"%s -%c\"", verb->name, option->letter);
    printf(") ");
    if (choices) {
        printf("values=\"");
        print_choices(choices);
        printf("\"");
    } else if (known_of_option(option)) {
        printf("files=yes values=\"");
        print_known(known_of_option(option));
        printf("\"");
    } else {
        printf(is_free(option) ? "values=" : "files=yes");
    }
    printf(" ;;\n");
}

static void print_bash(void)
{
    const cli_verb *verb;

    printf("# bash completion for topwork, made by `topwork completion bash`\n"
           "_topwork()\n{\n"
           "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
           "    local verb=${COMP_WORDS[1]} values= options= words= files= word_files=\n\n"
           "    COMPREPLY=()\n"
           "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
           "        COMPREPLY=($(compgen -W \"");
    for (int i = 0; (verb = cli_get_verb(i)); i++)
        printf("%s ", verb->name);
    printf("--help --version\" -- \"$cur\"))\n"
           "        return\n"
           "    fi\n"
           "    if [ \"$cur\" = = ]; then\n" /* --option= splits into three words */
           "        cur=\n"
           "    elif [ \"$prev\" = = ]; then\n"
           "        prev=${COMP_WORDS[COMP_CWORD - 2]}\n"
           "    fi\n"
           "    case $verb in\n");
    for (int i = 0; (verb = cli_get_verb(i)); i++) {
        printf("    %s) options=\"", verb->name);
        each_option(verb, print_bash_option);
        printf("\" words=\"");
        print_words(verb);
        printf("\" word_files=%s ;;\n", takes_files(verb) ? "yes" : "");
    }
    printf("    *) return ;;\n    esac\n    case \"$verb $prev\" in\n");
    for (int i = 0; (verb = cli_get_verb(i)); i++)
        each_option(verb, print_bash_value);
    printf("    *)\n"
           "        case $cur in\n"
           "        -*) values=$options ;;\n"
           "        *) values=$words files=$word_files ;;\n"
           "        esac ;;\n"
           "    esac\n"
           "    COMPREPLY=($(compgen -W \"$values\" -- \"$cur\"))\n"
           "    if [ -n \"$files\" ]; then\n"
           "        local IFS=$'\\n'\n"
           "        compopt -o filenames 2>/dev/null\n"
           "        COMPREPLY+=($(compgen -f -- \"$cur\"))\n"
           "    fi\n"
           "}\n"
           "complete -F _topwork topwork\n");
}

/* ---- zsh */

/* Text inside '...[...]'. */
static void print_zsh_text(const char *text)
{
    for (; *text; text++) {
        if (*text == '\'')
            printf("'\\''");
        else if (strchr("[]:\\", *text))
            printf("\\%c", *text);
        else
            putchar(*text);
    }
}

static void print_zsh_option(const cli_verb *verb, const cli_option *option)
{
    const char *choices = cli_option_choices(option);
    char exclusive[64] = "", name[64];

    (void)verb;
    snprintf(name, sizeof name, "--%s", option->name);
    if (option->letter)
        snprintf(exclusive, sizeof exclusive, "(-%c --%.48s)", option->letter, option->name);
    printf(" \\\n            '%s", exclusive);
    if (option->letter)
        printf("'{-%c,%s%s}'", option->letter, name, option->argument ? "=" : "");
    else
        printf("%s%s", name, option->argument ? "=" : "");
    putchar('[');
    print_zsh_text(option->help);
    putchar(']');
    if (option->argument) {
        printf(":%s:", option->argument);
        if (choices) {
            putchar('(');
            print_choices(choices);
            putchar(')');
        } else if (!is_free(option)) {
            printf("%s", known_functions[known_of_option(option)]);
        }
    }
    putchar('\'');
}

static void print_zsh_verb(const cli_verb *verb)
{
    printf("        %s)\n            _arguments -s", verb->name);
    each_option(verb, print_zsh_option);
    if (*verb->words) {
        printf(" \\\n            '*:");
        print_zsh_text(verb->words);
        if (takes_files(verb)) {
            printf(":%s'", known_functions[known_of_verb(verb)]);
        } else {
            printf(":(");
            print_words(verb);
            printf(")'");
        }
    }
    printf(" ;;\n");
}

static void print_zsh(void)
{
    const cli_verb *verb;

    printf("#compdef topwork\n"
           "# zsh completion for topwork, made by `topwork completion zsh`\n");
    for (int kind = KNOWN_MODELS; kind < KNOWN_FETCHED; kind++) {
        printf("%s() {\n    _alternative \"names:name:(", known_functions[kind]);
        print_known((known)kind);
        printf(")\" \"files:file:_files\"\n}\n\n");
    }
    printf("_topwork() {\n"
           "    local curcontext=$curcontext state line\n"
           "    local -a verbs\n\n"
           "    verbs=(\n");
    for (int i = 0; (verb = cli_get_verb(i)); i++) {
        printf("        '%s:", verb->name);
        print_zsh_text(verb->summary);
        printf("'\n");
    }
    printf("    )\n"
           "    _arguments -C '(- *)'{-h,--help}'[the verbs]' '(- *)--version[the version]' \\\n"
           "        '1:verb:->verb' '*::word:->words'\n"
           "    case $state in\n"
           "    verb) _describe verb verbs ;;\n"
           "    words)\n"
           "        case $words[1] in\n");
    for (int i = 0; (verb = cli_get_verb(i)); i++)
        print_zsh_verb(verb);
    printf("        esac ;;\n"
           "    esac\n"
           "}\n\n"
           "if [[ $zsh_eval_context[-1] == loadautofunc ]]; then\n"
           "    _topwork \"$@\"\n"
           "else\n"
           "    compdef _topwork topwork\n"
           "fi\n");
}

/* ---- the verb */

static void add_options(cli_args *args)
{
    (void)args;
}

static tw_status run(cli_args *args, tw_error *err)
{
    const char *shell = args->words[0];

    if (strcmp(shell, "bash") == 0) {
        print_bash();
    } else if (strcmp(shell, "zsh") == 0) {
        print_zsh();
    } else {
        snprintf(err->text, sizeof err->text, "completion is for bash or zsh, got \"%s\"", shell);
        return err->code = TW_EUSAGE;
    }
    return TW_OK;
}

const cli_verb cli_completion = {
    .name = "completion",
    .words = "bash | zsh",
    .summary = "print a shell's completion of this program",
    .details = "In ~/.bashrc: source <(topwork completion bash). An installed topwork is\n"
               "completed without that.",
    .min_words = 1,
    .max_words = 1,
    .add_options = add_options,
    .run = run};
