/*
 * Text of strangers on the page. Class names and paths may hold anything: markup is escaped, bytes
 * that are not UTF-8 and control letters become U+FFFD, so that the page stays valid.
 */
#include "report/report_int.h"

#include <string.h>

/* Length of the valid UTF-8 letter at p, 0 where there is none (RFC 3629: no overlong forms, no
 * surrogates, nothing above U+10FFFF). */
static size_t letter_size(const unsigned char *p)
{
    unsigned char least = 0x80, most = 0xBF;
    size_t n = p[0] < 0x80 ? 1 : p[0] < 0xC2 ? 0 : p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;

    if (p[0] > 0xF4)
        return 0;
    if (p[0] == 0xE0)
        least = 0xA0;
    if (p[0] == 0xED)
        most = 0x9F;
    if (p[0] == 0xF0)
        least = 0x90;
    if (p[0] == 0xF4)
        most = 0x8F;
    for (size_t i = 1; i < n; i++) {
        if (p[i] < least || p[i] > most)
            return 0;
        least = 0x80;
        most = 0xBF;
    }
    return n;
}

/* Not the control letters of ASCII (but line ends and tabs) and of Latin-1 (C2 80 to C2 9F), not
 * the non-characters U+FFFE and U+FFFF. */
static bool is_printable(const unsigned char *p, size_t n)
{
    if (n == 1)
        return (p[0] >= 0x20 && p[0] != 0x7F) || p[0] == '\n' || p[0] == '\t';
    if (n == 2)
        return p[0] != 0xC2 || p[1] >= 0xA0;
    return !(n == 3 && p[0] == 0xEF && p[1] == 0xBF && p[2] >= 0xBE);
}

static const char *entity(char letter)
{
    switch (letter) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

static void add_letters(tw_text *out, const char *text, bool escape)
{
    while (*text) {
        size_t n = letter_size((const unsigned char *)text);

        if (n == 0 || !is_printable((const unsigned char *)text, n))
            tw_text_add(out, "\xEF\xBF\xBD");
        else if (escape && entity(*text))
            tw_text_add(out, "%s", entity(*text));
        else
            tw_text_add(out, "%.*s", (int)n, text);
        text += n ? n : 1;
    }
}

void tw_report__escape(tw_text *page, const char *text)
{
    add_letters(page, text, true);
}

void tw_report__clean(tw_text *out, const char *text)
{
    add_letters(out, text, false);
}

void tw_report__element(tw_text *page, const char *tag, const char *text)
{
    tw_text_add(page, "<%s>", tag);
    tw_report__escape(page, text ? text : "-");
    tw_text_add(page, "</%.*s>", (int)strcspn(tag, " "), tag);
}
