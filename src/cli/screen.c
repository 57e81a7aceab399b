/*
 * What a stream can show: whether lines can be redrawn on it, how wide it is, whether it takes
 * colours. Asked anew each time, so that a terminal may change its size at any moment. In a pipe no
 * control character is ever printed. Also: the width of UTF-8, and sentences in lines.
 */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

bool cli_is_terminal(FILE *stream)
{
    const char *term = getenv("TERM");

    return isatty(fileno(stream)) && term && *term && strcmp(term, "dumb") != 0;
}

bool cli_has_colour(FILE *stream)
{
    const char *no_colour = getenv("NO_COLOR");

    return cli_is_terminal(stream) && !(no_colour && *no_colour);
}

int cli_columns(FILE *stream)
{
    struct winsize size;

    return cli_is_terminal(stream) && ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 &&
                   size.ws_col > 0
               ? size.ws_col
               : CLI_COLUMNS;
}

int cli_line_width(FILE *stream)
{
    int columns = cli_columns(stream);

    return columns < CLI_COLUMNS ? columns : CLI_COLUMNS;
}

const char *cli_style(FILE *stream, cli_style_name style)
{
    static const char *const codes[] = {
#define CODE(name, code) code,
        CLI_STYLE_LIST(CODE)
#undef CODE
    };

    return cli_has_colour(stream) ? codes[style] : "";
}

enum { MIN_ROOM = 20, NOTE_INDENT = 6 };

static bool starts_letter(char byte)
{
    return ((unsigned char)byte & 0xc0) != 0x80;
}

/* Without the codes of cli_style. */
static int count_letters(const char *text, size_t n_bytes)
{
    int n = 0;
    bool code = false;

    for (size_t i = 0; i < n_bytes; i++) {
        code = code || text[i] == '\033';
        n += !code && starts_letter(text[i]);
        code = code && text[i] != 'm';
    }
    return n;
}

int cli_text_width(const char *text)
{
    int n = 0;

    for (; *text; text++)
        n += starts_letter(*text);
    return n;
}

/* Whatever a file or a server sends, it cannot steer a terminal. */
static char clean(char letter)
{
    return (unsigned char)letter < 0x20 || letter == 0x7f ? '?' : letter;
}

void cli_clean(char *text)
{
    for (; *text; text++)
        *text = clean(*text);
}

void cli_print_clean(const char *text)
{
    for (; *text; text++)
        putchar(clean(*text));
}

void cli_print_field(const char *text, int width, bool right)
{
    int n = cli_text_width(text), letter = -1;
    int n_head = n <= width ? n : width / 2, n_tail = n <= width ? 0 : width - n_head - 1;

    if (right)
        printf("%*s", n < width ? width - n : 0, "");
    for (; *text; text++) {
        letter += starts_letter(*text);
        if (letter == n_head && starts_letter(*text))
            putchar('~');
        if (letter < n_head || letter >= n - n_tail)
            putchar(clean(*text));
    }
    if (!right)
        printf("%*s", n < width ? width - n : 0, "");
}

/* Bytes of the next piece of text: a word, or as much of a long one as fits into room letters,
 * a path up to its last / there. */
static size_t next_piece(const char *text, int room)
{
    size_t n = strcspn(text, " "), cut = 0, slash = 0;
    int letters = 0;

    for (size_t i = 0; i < n; i++) {
        letters += starts_letter(text[i]);
        if (letters > room)
            return slash ? slash : cut;
        cut = i + 1;
        if (text[i] == '/')
            slash = cut;
    }
    return n;
}

void cli_print_lines(FILE *stream, const char *head, int indent, const char *text)
{
    int width = cli_line_width(stream), column = count_letters(head, strlen(head));
    bool first = true;

    fprintf(stream, "%s%*s", head, column < indent ? indent - column : 0, "");
    column = column < indent ? indent : column;
    while (*text) {
        int room = width - indent > MIN_ROOM ? width - indent : MIN_ROOM;
        size_t n = next_piece(text, room);
        int letters = count_letters(text, n);
        if (!first && column + 1 + letters > width) {
            fprintf(stream, "\n%*s", indent, "");
            column = indent;
            first = true;
        }
        fprintf(stream, "%s%.*s", first ? "" : " ", (int)n, text);
        column += !first + letters;
        first = text[n] != ' ' && text[n];
        if (first) { /* the rest of a long word */
            fprintf(stream, "\n%*s", indent, "");
            column = indent;
        }
        text += n + strspn(text + n, " ");
    }
    fputc('\n', stream);
}

/* One line in a pipe, so that it can be searched for. */
void cli_print_note(const char *text)
{
    char head[32], *shown = strdup(text);

    if (shown)
        cli_clean(shown);
    snprintf(head, sizeof head, "%snote:%s", cli_style(stderr, CLI_YELLOW),
             cli_style(stderr, CLI_PLAIN));
    if (cli_is_terminal(stderr))
        cli_print_lines(stderr, head, NOTE_INDENT, shown ? shown : "");
    else
        fprintf(stderr, "note: %s\n", shown ? shown : "");
    free(shown);
}
