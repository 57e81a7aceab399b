/*
 * A strict reader of the page, for tests: well-formed nesting, known elements in allowed places,
 * quoted attributes, unique ids, links that lead somewhere, nothing from outside, valid UTF-8. And
 * a reader of its numbers, which must all be in report.json.
 */
#ifndef TW_TESTS_HTML_CHECK_H
#define TW_TESTS_HTML_CHECK_H

#include "base/json.h"
#include "check.h"
#include "report/report_int.h"

#include <ctype.h>
#include <math.h>

enum { HTML_DEPTH = 64, HTML_IDS = 64, HTML_NAME = 24 };

typedef struct html_reader {
    const char *at;
    char stack[HTML_DEPTH][HTML_NAME];
    int depth;
    char ids[HTML_IDS][HTML_NAME], links[HTML_IDS][HTML_NAME];
    int n_ids, n_links;
    char wrong[256]; /* the first thing that is wrong */
} html_reader;

/* Each element and the parents it may have; "" means anything that is no table, list or drawing. */
static const struct {
    const char *name, *parents;
} html_elements[] = {
    {"html", " - "},
    {"head", " html "},
    {"body", " html "},
    {"title", " head svg circle "},
    {"meta", " head "},
    {"style", " head "},
    {"header", " body "},
    {"main", " body "},
    {"footer", " body "},
    {"nav", " header "},
    {"section", " main "},
    {"h1", " header "},
    {"h2", " section "},
    {"h3", " section div "},
    {"p", " header section div footer "},
    {"pre", " section "},
    {"code", " pre p "},
    {"dl", " section "},
    {"dt", " dl "},
    {"dd", " dl "},
    {"ul", " section "},
    {"li", " ul "},
    {"i", " li "},
    {"b", " li figcaption "},
    {"small", " li "},
    {"div", " section div figure details "},
    {"details", " section "},
    {"summary", " details "},
    {"table", " div "},
    {"thead", " table "},
    {"tbody", " table "},
    {"tr", " thead tbody "},
    {"th", " tr "},
    {"td", " tr "},
    {"figure", " div "},
    {"figcaption", " figure "},
    {"img", " div "},
    {"br", " figcaption section "},
    {"span", " td figcaption "},
    {"a", " nav "},
    {"svg", " p div section figure th "},
    {"rect", " svg "},
    {"line", " svg "},
    {"path", " svg "},
    {"circle", " svg "},
    {"text", " svg "},
};

static inline int html_fail(html_reader *r, const char *what, const char *name)
{
    if (!r->wrong[0])
        snprintf(r->wrong, sizeof r->wrong, "%s: %.24s before: %.80s", what, name, r->at);
    return 0;
}

static inline int html_is_void(const char *name)
{
    return !strcmp(name, "meta") || !strcmp(name, "br") || !strcmp(name, "img");
}

static inline int html_is_drawing(const char *name)
{
    return strstr(" rect line path circle text ", name) != NULL;
}

static inline int html_may_open(html_reader *r, const char *name)
{
    char parent[HTML_NAME + 2];

    snprintf(parent, sizeof parent, " %s ", r->depth ? r->stack[r->depth - 1] : "-");
    for (size_t i = 0; i < sizeof html_elements / sizeof *html_elements; i++)
        if (!strcmp(html_elements[i].name, name))
            return strstr(html_elements[i].parents, parent)
                       ? 1
                       : html_fail(r, "misplaced element in", parent);
    return html_fail(r, "unknown element", name);
}

/* A word of letters, digits and hyphens; its end is where r->at is then. */
static inline int html_word(html_reader *r, char *out)
{
    size_t n = 0;

    while (isalnum((unsigned char)r->at[n]) || r->at[n] == '-')
        n++;
    if (n == 0 || n >= HTML_NAME)
        return html_fail(r, "no name", "");
    memcpy(out, r->at, n);
    out[n] = '\0';
    r->at += n;
    return 1;
}

/* Behind an '&'. */
static inline int html_entity(html_reader *r)
{
    static const char *const known[] = {"amp;", "lt;", "gt;", "quot;", "#39;"};

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strncmp(r->at, known[i], strlen(known[i])))
            return 1;
    return html_fail(r, "bare &", "");
}

static inline int html_keep(html_reader *r, char list[][HTML_NAME], int *n, const char *value)
{
    if (*n == HTML_IDS || strlen(value) >= HTML_NAME)
        return html_fail(r, "too many or too long", value);
    strcpy(list[(*n)++], value);
    return 1;
}

static inline int html_value(html_reader *r, const char *name, const char *value)
{
    if (!strcmp(name, "id")) {
        for (int i = 0; i < r->n_ids; i++)
            if (!strcmp(r->ids[i], value))
                return html_fail(r, "id twice", value);
        return html_keep(r, r->ids, &r->n_ids, value);
    }
    if (!strcmp(name, "href"))
        return value[0] == '#' ? html_keep(r, r->links, &r->n_links, value + 1)
                               : html_fail(r, "leads outside", value);
    if (!strcmp(name, "src"))
        return !strncmp(value, "data:image/png;base64,", 22) ? 1
                                                             : html_fail(r, "from outside", value);
    if (!strcmp(name, "style"))
        return !strncmp(value, "--", 2) && !strchr(value, '(') ? 1 : html_fail(r, "style", value);
    if (!strncmp(name, "on", 2))
        return html_fail(r, "a script", name);
    return 1;
}

static inline int html_attribute(html_reader *r, char seen[][HTML_NAME], int *n_seen)
{
    char *value;
    size_t n;
    int ok;

    if (*n_seen == 16 || !html_word(r, seen[*n_seen]))
        return html_fail(r, "too many attributes", "");
    for (int i = 0; i < *n_seen; i++)
        if (!strcmp(seen[i], seen[*n_seen]))
            return html_fail(r, "attribute twice", seen[i]);
    if (strncmp(r->at, "=\"", 2) != 0)
        return html_fail(r, "attribute without a quoted value", seen[*n_seen]);
    r->at += 2;
    n = strcspn(r->at, "\"<>");
    if (r->at[n] != '"')
        return html_fail(r, "a bracket in an attribute", seen[*n_seen]);
    value = strndup(r->at, n);
    ok = html_value(r, seen[(*n_seen)++], value);
    for (size_t i = 0; ok && i < n; i++, r->at++)
        if (*r->at == '&' && (r->at++, ok = html_entity(r), r->at--, !ok))
            break;
    free(value);
    r->at += ok;
    return ok;
}

static inline int html_open(html_reader *r)
{
    char name[HTML_NAME], seen[17][HTML_NAME];
    int n_seen = 0;

    if (!html_word(r, name) || !html_may_open(r, name))
        return 0;
    while (*r->at == ' ') {
        r->at++;
        if (!html_attribute(r, seen, &n_seen))
            return 0;
    }
    if (!strncmp(r->at, "/>", 2)) {
        r->at += 2;
        return html_is_drawing(name) ? 1 : html_fail(r, "closes itself", name);
    }
    if (*r->at++ != '>')
        return html_fail(r, "tag does not end", name);
    if (html_is_void(name))
        return 1;
    if (r->depth == HTML_DEPTH)
        return html_fail(r, "too deep", name);
    strcpy(r->stack[r->depth++], name);
    if (!strcmp(name, "style")) {
        const char *end = strstr(r->at, "</style>");
        const char *outside = strstr(r->at, "url(");
        if (!end || (outside && outside < end) || strstr(r->at, "@import"))
            return html_fail(r, "style", "");
        r->at = end;
    }
    return 1;
}

static inline int html_close(html_reader *r)
{
    char name[HTML_NAME];

    if (!html_word(r, name) || *r->at++ != '>')
        return html_fail(r, "bad end tag", "");
    if (r->depth == 0 || strcmp(r->stack[r->depth - 1], name) != 0)
        return html_fail(r, "closes what is not open", name);
    r->depth--;
    return 1;
}

static inline int html_step(html_reader *r)
{
    if (*r->at == '<') {
        r->at++;
        if (*r->at == '/') {
            r->at++;
            return html_close(r);
        }
        return html_open(r);
    }
    if (*r->at == '&') {
        r->at++;
        return html_entity(r);
    }
    if (r->depth == 0 && !isspace((unsigned char)*r->at))
        return html_fail(r, "text outside", "");
    r->at++;
    return 1;
}

/* NULL when the page is right, else what is wrong, in a static buffer. */
static inline const char *html_wrong(const char *page)
{
    static html_reader r;
    static const char doctype[] = "<!DOCTYPE html>\n";
    tw_text clean = {0};
    int found;

    memset(&r, 0, sizeof r);
    tw_report__clean(&clean, page);
    found = strcmp(clean.text, page) == 0;
    tw_text_free(&clean);
    if (!found)
        return "letters that are not UTF-8 or not for a page";
    if (strncmp(page, doctype, strlen(doctype)) != 0)
        return "no doctype";
    r.at = page + strlen(doctype);
    while (*r.at)
        if (!html_step(&r))
            return r.wrong;
    if (r.depth > 0)
        return "not closed at the end";
    for (int i = 0; i < r.n_links; i++) {
        found = 0;
        for (int k = 0; k < r.n_ids; k++)
            found |= !strcmp(r.links[i], r.ids[k]);
        if (!found)
            return "a link to nowhere";
    }
    return NULL;
}

/* ---- numbers */

/* All that report.json holds. */
typedef struct html_known {
    double numbers[20000];
    int n_numbers;
    const char *texts[4000];
    int n_texts;
} html_known;

static inline void html_know(html_known *known, const tw_json *json)
{
    double number;
    const char *text, *key;
    const tw_json *item;

    if (tw_json_f64(&number, json)) {
        assert_true(known->n_numbers < 20000);
        known->numbers[known->n_numbers++] = number;
    } else if (tw_json_string(&text, json)) {
        assert_true(known->n_texts < 4000);
        known->texts[known->n_texts++] = text;
    } else if (tw_json_is_array(json)) {
        for (size_t i = 0; i < tw_json_count(json); i++)
            html_know(known, tw_json_at(json, i));
    } else if (tw_json_is_object(json)) {
        for (void *it = tw_json_next(json, NULL, &key, &item); it;
             it = tw_json_next(json, it, &key, &item))
            html_know(known, item);
    }
}

/* Is `shown`, with so many digits, times `unit` one of the numbers? */
static inline int html_has(const html_known *known, double shown, double unit, double precision)
{
    for (int i = 0; i < known->n_numbers; i++)
        if (fabs(known->numbers[i] - shown * unit) <= 0.5000001 * precision * unit)
            return 1;
    return 0;
}

/* "1 min 02 s" of 62.3 */
static inline int html_has_time(const html_known *known, double shown)
{
    for (int i = 0; i < known->n_numbers; i++) {
        double v = floor(known->numbers[i]);
        if (floor(v / 3600) == shown || floor(fmod(v, 3600) / 60) == shown ||
            floor(v / 60) == shown || fmod(v, 60) == shown)
            return 1;
    }
    return 0;
}

static inline int html_is_known(const html_known *known, double shown, double precision,
                                const char *behind, const char *node)
{
    static const struct {
        const char *text;
        double unit;
    } units[] = {{"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1.0}};

    behind += strncmp(behind, "\xC2\xA0", 2) == 0 ? 2 : *behind == ' ';
    if (*behind == '%')
        return html_has(known, shown, 0.01, precision);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (!strncmp(behind, units[i].text, strlen(units[i].text)))
            return html_has(known, shown, units[i].unit, precision);
    if (strstr(node, " min") || strstr(node, " h "))
        return html_has_time(known, shown);
    return html_has(known, shown, 1.0, behind[0] == 's' || precision < 1.0 ? precision : 0.0);
}

/* Reads one number at p; returns its end. */
static inline const char *html_number(const char *p, double *value, double *precision)
{
    char digits[64];
    size_t n = 0;
    const char *point = NULL;

    *precision = 1.0;
    for (; isdigit((unsigned char)*p) || ((*p == ',' || *p == '.') && isdigit((unsigned char)p[1]));
         p++) {
        if (*p == '.' && point)
            break;
        if (*p == '.')
            point = p;
        if (point && *p != '.')
            *precision /= 10.0;
        if (*p != ',' && n + 8 < sizeof digits)
            digits[n++] = *p;
    }
    if (*p == 'e' && (p[1] == '-' || p[1] == '+')) {
        digits[n++] = *p++;
        digits[n++] = *p++;
        while (isdigit((unsigned char)*p) && n + 1 < sizeof digits)
            digits[n++] = *p++;
    }
    digits[n] = '\0';
    *value = strtod(digits, NULL);
    if (strchr(digits, 'e'))
        *precision *= pow(10.0, atof(strchr(digits, 'e') + 1));
    return p;
}

/* Length of a known text that is no number and begins at p, 0 when there is none. */
static inline size_t html_known_text(const html_known *known, const char *p)
{
    size_t longest = 0;

    for (int i = 0; i < known->n_texts; i++) {
        size_t n = strlen(known->texts[i]);
        double number;

        if (n > longest && !strncmp(p, known->texts[i], n) &&
            !tw_parse_f64(&number, known->texts[i]))
            longest = n;
    }
    return longest;
}

/* A class may be called "7". */
static inline int html_is_name(const html_known *known, const char *p, size_t n)
{
    for (int i = 0; i < known->n_texts; i++)
        if (strlen(known->texts[i]) == n && !strncmp(known->texts[i], p, n))
            return 1;
    return 0;
}

/* How many numbers of one text node are not known; the first goes to `which`. */
static inline int html_unknown_in(const html_known *known, const char *node, char *which)
{
    int n = 0;

    for (const char *p = node; *p;) {
        double value, precision;
        const char *end;
        size_t n_text = html_known_text(known, p);

        if (n_text > 0) {
            p += n_text;
            continue;
        }
        if (!isdigit((unsigned char)*p)) {
            /* a digit behind a letter is part of a name: F1 */
            if (isalpha((unsigned char)*p))
                while (isalnum((unsigned char)*p) || *p == '_')
                    p++;
            else
                p++;
            continue;
        }
        end = html_number(p, &value, &precision);
        if (!html_is_name(known, p, (size_t)(end - p)) &&
            !html_is_known(known, value, precision, end, node) && n++ == 0)
            snprintf(which, 128, "%.*s in: %.90s", (int)(end - p), p, node);
        p = end;
    }
    return n;
}

/* A text node without its entities, and a command on one line. */
static inline char *html_node(const char *begin, const char *end)
{
    static const struct {
        const char *entity, *letter;
    } entities[] = {{"&amp;", "&"},   {"&lt;", "<"},  {"&gt;", ">"},
                    {"&quot;", "\""}, {"&#39;", "'"}, {" \\\n    ", " "}};
    const size_t n_entities = sizeof entities / sizeof *entities;
    char *node = malloc((size_t)(end - begin) + 1), *p = node;

    while (begin < end) {
        size_t i = 0;
        while (i < n_entities &&
               strncmp(begin, entities[i].entity, strlen(entities[i].entity)) != 0)
            i++;
        *p++ = i < n_entities ? entities[i].letter[0] : *begin;
        begin += i < n_entities ? strlen(entities[i].entity) : 1;
    }
    *p = '\0';
    return node;
}

/* How many numbers in the text of the page are not in the record. */
static inline int html_unknown_numbers(const char *page, const char *record, char *which)
{
    static html_known known;
    tw_json *json;
    const char *p = strstr(page, "</style>");
    int n = 0;

    memset(&known, 0, sizeof known);
    which[0] = '\0';
    assert_ok(tw_json_parse(&json, record, strlen(record), "report.json", e));
    html_know(&known, json);
    while (p && (p = strchr(p, '>'))) {
        const char *end = strchr(++p, '<');
        char *node;

        if (!end)
            break;
        node = html_node(p, end);
        n += html_unknown_in(&known, node, n ? (char[128]){0} : which);
        free(node);
    }
    tw_json_free(json);
    return n;
}

#endif
