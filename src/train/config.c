/*
 * The configuration of a training job: one row of options.def per option, each with its text and
 * where it came from. A weaker source never overrides a stronger one (default < file < environment
 * < flag); of equal ones the later wins. Values are checked when they are set, so that whoever
 * reads them may assume.
 */
#include "train/train_int.h"

#include "base/fail.h"
#include "base/memory.h"

#include <assert.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Kinds of values: enum, what a good value is called. */
#define KIND_LIST(X)                                                          \
    X(KIND_TEXT, "a text")                                                    \
    X(KIND_SWITCH, "true or false")                                           \
    X(KIND_CHOICE, "one of")                                                  \
    X(KIND_COUNT, "a whole number above 0")                                   \
    X(KIND_WHOLE, "a whole number of at least 0")                             \
    X(KIND_IMAGE, "a whole number from 32 to 4096")                           \
    X(KIND_BATCH, "a whole number from 1 to 65536")                           \
    X(KIND_THREADS, "a whole number from 1 to 1024")                          \
    X(KIND_SEED, "a whole number from 0 to 9223372036854775807")              \
    X(KIND_SEED32, "a whole number from 0 to 4294967295")                     \
    X(KIND_SIZE, "a size above 0 such as 512M")                               \
    X(KIND_EVERY, "a number of steps such as 100, or of seconds such as 30s") \
    X(KIND_FOLD, "a fold of so many, such as 2/5")                            \
    X(KIND_RATE, "a number above 0")                                          \
    X(KIND_POSITIVE, "a number of at least 0")                                \
    X(KIND_FRACTION, "a number of at least 0 and below 1")                    \
    X(KIND_SHARE, "a number above 0 and at most 1")
#define KIND_ENUM(id, text) id,
#define KIND_TEXT_OF(id, text) text,
typedef enum kind { KIND_LIST(KIND_ENUM) N_KIND } value_kind;
static const char *const kind_texts[] = {KIND_LIST(KIND_TEXT_OF)};
_Static_assert(sizeof kind_texts / sizeof *kind_texts == N_KIND, "one text a kind");

#define TW_CHOICE(id, text) text ","
#define TW_OPTION(id, name, argument, value, kind, choices, help) \
    {name, argument, value, help, choices},
static const tw_option_info options[] = {
#include "train/options.def"
};
#undef TW_OPTION
#define TW_OPTION(id, name, argument, value, kind, choices, help) KIND_##kind,
static const value_kind kinds[] = {
#include "train/options.def"
};
#undef TW_OPTION
_Static_assert(sizeof options / sizeof *options == TW_N_OPTION, "one row an option");

/* Names that people know from elsewhere. */
static const struct {
    const char *alias;
    tw_option option;
} aliases[] = {
    {"learning-rate", TW_OPTION_LR},
    {"batch", TW_OPTION_BATCH_SIZE},
    {"epoch", TW_OPTION_EPOCHS},
    {"n-epochs", TW_OPTION_EPOCHS},
    {"num-epochs", TW_OPTION_EPOCHS},
    {"opt", TW_OPTION_OPTIMIZER},
    {"arch", TW_OPTION_MODEL},
    {"architecture", TW_OPTION_MODEL},
    {"head", TW_OPTION_TOP},
    {"layer", TW_OPTION_CUT},
    {"validation-split", TW_OPTION_VAL_SPLIT},
    {"test-size", TW_OPTION_VAL_SPLIT},
    {"random-state", TW_OPTION_SPLIT_SEED},
    {"random-seed", TW_OPTION_SEED},
    {"preprocessing", TW_OPTION_PREPROCESS},
    {"freeze-layers", TW_OPTION_FREEZE},
    {"n-freeze", TW_OPTION_FREEZE},
    {"unfreeze", TW_OPTION_UNFREEZE_FROM},
    {"input-size", TW_OPTION_IMAGE_SIZE},
    {"imgsz", TW_OPTION_IMAGE_SIZE},
    {"img-size", TW_OPTION_IMAGE_SIZE},
    {"dtype", TW_OPTION_PRECISION},
    {"device", TW_OPTION_BACKEND},
    {"jobs", TW_OPTION_THREADS},
    {"num-threads", TW_OPTION_THREADS},
    {"out", TW_OPTION_OUTPUT},
    {"output-dir", TW_OPTION_OUTPUT},
    {"force", TW_OPTION_OVERWRITE},
};
enum { N_ALIAS = sizeof aliases / sizeof *aliases, NAME_SIZE = 48 };

typedef struct setting {
    char *text; /* NULL: unset */
    tw_source_rank rank;
} setting;

struct tw_config {
    setting values[TW_N_OPTION];
};

/* ---- names */

const tw_option_info *tw_config_option(int i)
{
    return i >= 0 && i < TW_N_OPTION ? &options[i] : NULL;
}

const char *tw_config_alias(int i, const char **option)
{
    if (i < 0 || i >= N_ALIAS)
        return NULL;
    *option = options[aliases[i].option].name;
    return aliases[i].alias;
}

/* Lower-cases and turns '_' into '-'; false when the name is too long to be one. */
static bool normalise(char out[NAME_SIZE], const char *name)
{
    size_t n = strlen(name);

    if (n >= NAME_SIZE)
        return false;
    for (size_t i = 0; i <= n; i++)
        out[i] = name[i] == '_' ? '-' : (char)tolower((unsigned char)name[i]);
    return true;
}

static int find_option(const char *name)
{
    char normal[NAME_SIZE];

    if (!normalise(normal, name))
        return -1;
    for (int i = 0; i < TW_N_OPTION; i++)
        if (!strcmp(options[i].name, normal))
            return i;
    for (int i = 0; i < N_ALIAS; i++)
        if (!strcmp(aliases[i].alias, normal))
            return (int)aliases[i].option;
    return -1;
}

const char *tw_config_canonical(const char *name)
{
    int i = find_option(name);

    return i < 0 ? NULL : options[i].name;
}

tw_status tw_train__fail_unknown_option(const char *name, tw_error *err)
{
    const char *names[TW_N_OPTION], *nearest;

    for (int i = 0; i < TW_N_OPTION; i++)
        names[i] = options[i].name;
    if ((nearest = tw_nearest_name(name, names, TW_N_OPTION)))
        return tw_fail(err, TW_EUSAGE, "unknown option '%s', did you mean %s", name, nearest);
    return tw_fail(err, TW_EUSAGE, "unknown option '%s'", name);
}

/* ---- values */

static bool parse_bool(bool *out, const char *text)
{
    static const char *const yes[] = {"true", "1", "yes", "on"};
    static const char *const no[] = {"false", "0", "no", "off"};

    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        if (!strcmp(text, yes[i]) || !strcmp(text, no[i])) {
            *out = !strcmp(text, yes[i]);
            return true;
        }
    }
    return false;
}

static bool parse_whole(const char *text, int64_t low, int64_t high)
{
    int64_t n;

    return tw_parse_i64(&n, text) && n >= low && n <= high;
}

/* "100" or "30s". */
static bool is_interval(const char *text)
{
    char number[24];
    size_t n = strlen(text);

    if (n == 0 || n >= sizeof number)
        return false;
    memcpy(number, text, n + 1);
    if (number[n - 1] == 's')
        number[n - 1] = '\0';
    return parse_whole(number, 1, INT32_MAX);
}

/* "2/5": from 1 to the second number, which is at least 2. */
static bool parse_fold(int *fold, int *n_folds, const char *text)
{
    char number[16];
    const char *slash = strchr(text, '/');
    int64_t i, n;

    if (!slash || slash == text || (size_t)(slash - text) >= sizeof number)
        return false;
    memcpy(number, text, (size_t)(slash - text));
    number[slash - text] = '\0';
    if (!tw_parse_i64(&i, number) || !tw_parse_i64(&n, slash + 1) || n < 2 || n > TW_MOST_FOLDS ||
        i < 1 || i > n)
        return false;
    *fold = (int)i;
    *n_folds = (int)n;
    return true;
}

static bool fits(value_kind kind, const char *text)
{
    bool b;
    int64_t n;
    double f;
    int fold, n_folds;

    switch (kind) {
    case KIND_FOLD:
        return parse_fold(&fold, &n_folds, text);
    case KIND_TEXT:
        return true;
    case KIND_SWITCH:
        return parse_bool(&b, text);
    case KIND_COUNT:
        return parse_whole(text, 1, INT32_MAX);
    case KIND_WHOLE:
        return parse_whole(text, 0, INT32_MAX);
    case KIND_IMAGE:
        return parse_whole(text, 32, 4096);
    case KIND_BATCH:
        return parse_whole(text, 1, 65536);
    case KIND_THREADS:
        return parse_whole(text, 1, 1024);
    case KIND_SEED:
        return parse_whole(text, 0, INT64_MAX);
    case KIND_SEED32:
        return parse_whole(text, 0, UINT32_MAX);
    case KIND_SIZE:
        return tw_parse_bytes(&n, text) && n > 0;
    case KIND_EVERY:
        return is_interval(text);
    case KIND_RATE:
        return tw_parse_f64(&f, text) && f > 0.0 && f <= 1e30;
    case KIND_POSITIVE:
        return tw_parse_f64(&f, text) && f >= 0.0 && f <= 1e30;
    case KIND_FRACTION:
        return tw_parse_f64(&f, text) && f >= 0.0 && f < 1.0;
    case KIND_SHARE:
        return tw_parse_f64(&f, text) && f > 0.0 && f <= 1.0;
    default:
        return false;
    }
}

enum { MAX_CHOICES = 16, CHOICES_SIZE = 256 };

/* Splits "a,b," in place; returns how many. */
static size_t split_choices(char *text, const char *names[MAX_CHOICES])
{
    size_t n = 0;

    for (char *comma; (comma = strchr(text, ',')); text = comma + 1) {
        assert(n < MAX_CHOICES);
        *comma = '\0';
        names[n++] = text;
    }
    return n;
}

static tw_status check_choice(int option, const char *text, tw_error *err)
{
    char buf[CHOICES_SIZE], list[CHOICES_SIZE];
    const char *names[MAX_CHOICES], *nearest;
    size_t n, used = 0;

    snprintf(buf, sizeof buf, "%s", options[option].choices);
    n = split_choices(buf, names);
    for (size_t i = 0; i < n; i++) {
        if (!strcmp(names[i], text))
            return TW_OK;
        used += (size_t)snprintf(list + used, sizeof list - used, i ? ", %s" : "%s", names[i]);
    }
    if ((nearest = tw_nearest_name(text, names, n)))
        return tw_fail(err, TW_EUSAGE, "option %s: '%s' is none of %s; did you mean %s",
                       options[option].name, text, list, nearest);
    return tw_fail(err, TW_EUSAGE, "option %s: '%s' is none of %s", options[option].name, text,
                   list);
}

static tw_status check_value(int option, const char *text, tw_error *err)
{
    if (kinds[option] == KIND_CHOICE)
        return check_choice(option, text, err);
    if (!fits(kinds[option], text))
        return tw_fail(err, TW_EUSAGE, "option %s: '%s' is not %s", options[option].name, text,
                       kind_texts[kinds[option]]);
    return TW_OK;
}

/* ---- the configuration */

tw_status tw_config_create(tw_config **out, tw_error *err)
{
    tw_config *config = tw_calloc(1, sizeof *config);

    *out = NULL;
    if (!config)
        return tw_fail(err, TW_ENOMEM, "no memory for a configuration");
    for (int i = 0; i < TW_N_OPTION; i++) {
        if (options[i].value && !(config->values[i].text = tw_strdup(options[i].value))) {
            tw_config_free(config);
            return tw_fail(err, TW_ENOMEM, "no memory for a configuration");
        }
    }
    *out = config;
    return TW_OK;
}

void tw_config_free(tw_config *config)
{
    if (!config)
        return;
    for (int i = 0; i < TW_N_OPTION; i++)
        tw_free(config->values[i].text);
    tw_free(config);
}

tw_status tw_train__config_copy(tw_config **out, const tw_config *config, tw_error *err)
{
    tw_status rc;
    tw_config *copy;

    *out = NULL;
    if ((rc = tw_config_create(&copy, err)))
        return rc;
    for (int i = 0; i < TW_N_OPTION; i++) {
        tw_free(copy->values[i].text);
        copy->values[i] = config->values[i];
        if (config->values[i].text && !(copy->values[i].text = tw_strdup(config->values[i].text))) {
            for (int k = i + 1; k < TW_N_OPTION; k++)
                tw_free(copy->values[k].text), copy->values[k].text = NULL;
            tw_config_free(copy);
            return tw_fail(err, TW_ENOMEM, "no memory for a configuration");
        }
    }
    *out = copy;
    return TW_OK;
}

static tw_status store(tw_config *config, int option, const char *text, tw_source_rank source,
                       tw_error *err)
{
    char *copy = tw_strdup(text);

    if (!copy)
        return tw_fail(err, TW_ENOMEM, "no memory for option %s", options[option].name);
    tw_free(config->values[option].text);
    config->values[option].text = copy;
    config->values[option].rank = source;
    return TW_OK;
}

tw_status tw_train__settle(tw_config *config, tw_option option, const char *text, tw_error *err)
{
    if (text)
        return store(config, (int)option, text, TW_FROM_DEFAULT, err);
    tw_free(config->values[option].text);
    config->values[option] = (setting){NULL, TW_FROM_DEFAULT};
    return TW_OK;
}

tw_status tw_config_set(tw_config *config, const char *name, const char *value,
                        tw_source_rank source, tw_error *err)
{
    tw_status rc;
    int option = find_option(name);

    if (option < 0)
        return tw_train__fail_unknown_option(name, err);
    if ((rc = check_value(option, value, err)))
        return rc;
    if (config->values[option].rank > source)
        return TW_OK;
    return store(config, option, value, source, err);
}

const char *tw_config_get(const tw_config *config, const char *name)
{
    int option = find_option(name);

    return option < 0 ? NULL : config->values[option].text;
}

int tw_config_is_given(const tw_config *config, const char *name)
{
    int option = find_option(name);

    return option >= 0 && config->values[option].rank != TW_FROM_DEFAULT;
}

const char *tw_config_changed(const tw_config *config, int option)
{
    const char *recipe = config->values[TW_OPTION_RECIPE].text;
    const char *value = config->values[option].text;
    const char *before = option == TW_OPTION_RECIPE
                             ? options[option].value
                             : tw_config_default(recipe ? recipe : "", option);

    if (!value || option == TW_OPTION_DATA || option == TW_OPTION_OUTPUT ||
        option == TW_OPTION_OVERWRITE || config->values[option].rank == TW_FROM_DEFAULT ||
        (before && !strcmp(value, before)) ||
        (kinds[option] == KIND_SWITCH && !strcmp(value, "false")))
        return NULL;
    return value;
}

const char *tw_train__text(const tw_config *config, tw_option option)
{
    return config->values[option].text;
}

int64_t tw_train__i64(const tw_config *config, tw_option option)
{
    int64_t n = 0;
    const char *text = config->values[option].text;
    bool ok = kinds[option] == KIND_SIZE ? tw_parse_bytes(&n, text) : tw_parse_i64(&n, text);

    assert(ok);
    (void)ok;
    return n;
}

double tw_train__f64(const tw_config *config, tw_option option)
{
    double f = 0.0;
    bool ok = tw_parse_f64(&f, config->values[option].text);

    assert(ok);
    (void)ok;
    return f;
}

bool tw_train__fold(const tw_config *config, int *fold, int *n_folds)
{
    const char *text = config->values[TW_OPTION_FOLD].text;

    return text && parse_fold(fold, n_folds, text);
}

bool tw_train__bool(const tw_config *config, tw_option option)
{
    bool b = false;
    bool ok = parse_bool(&b, config->values[option].text);

    assert(ok);
    (void)ok;
    return b;
}

bool tw_train__is(const tw_config *config, tw_option option, const char *value)
{
    return config->values[option].text && !strcmp(config->values[option].text, value);
}

tw_source_rank tw_train__rank(const tw_config *config, tw_option option)
{
    return config->values[option].rank;
}

/* ---- files and the environment */

/* The shortest decimal that reads back as the same number. */
static void number_text(char *buf, size_t n_buf, double f)
{
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(buf, n_buf, "%.*g", digits, f);
        if (strtod(buf, NULL) == f)
            return;
    }
}

static tw_status set_json(tw_config *config, const char *key, const tw_json *json, tw_error *err)
{
    char buf[64];
    const char *text = buf;
    int64_t n;
    double f;
    bool b;

    if (tw_json_bool(&b, json))
        text = b ? "true" : "false";
    else if (tw_json_i64(&n, json))
        snprintf(buf, sizeof buf, "%" PRId64, n);
    else if (tw_json_f64(&f, json))
        number_text(buf, sizeof buf, f);
    else if (!tw_json_string(&text, json))
        return tw_fail(err, TW_EUSAGE, "option %s: neither text nor number nor true or false", key);
    return tw_config_set(config, key, text, TW_FROM_FILE, err);
}

/* Writes "path: sentence" of `inner` and passes its code on. */
static tw_status fail_in(const char *path, const tw_error *inner, tw_error *err)
{
    return tw_fail(err, inner->code, "%s: %s", path, inner->text);
}

static tw_status check_file(const tw_json *json, const char *path, tw_error *err)
{
    bool seen[TW_N_OPTION] = {false};
    const char *key;
    const tw_json *item;

    if (!tw_json_is_object(json))
        return tw_fail(err, TW_EFILE, "%s: a configuration is a JSON object", path);
    for (void *it = tw_json_next(json, NULL, &key, &item); it;
         it = tw_json_next(json, it, &key, &item)) {
        int option = find_option(key);
        if (option >= 0 && seen[option])
            return tw_fail(err, TW_EUSAGE, "%s: option %s is there twice", path,
                           options[option].name);
        if (option >= 0)
            seen[option] = true;
    }
    return TW_OK;
}

tw_status tw_config_read(tw_config *config, const char *path, tw_error *err)
{
    enum { MOST = 1 << 20 };
    tw_status rc;
    char *text = NULL;
    size_t n;
    tw_json *json = NULL;
    const tw_json *item;
    const char *key;
    tw_error inner = {TW_OK, ""};

    if (!tw_path_exists(path))
        return tw_fail_missing(path, "No such file or directory", err);
    if ((rc = tw_file_read(&text, &n, path, MOST, err)) ||
        (rc = tw_json_parse(&json, text, n, path, err)) || (rc = check_file(json, path, err)))
        goto done;
    for (void *it = tw_json_next(json, NULL, &key, &item); it;
         it = tw_json_next(json, it, &key, &item)) {
        if ((rc = set_json(config, key, item, &inner))) {
            fail_in(path, &inner, err);
            goto done;
        }
    }
done:
    tw_json_free(json);
    tw_free(text);
    return rc;
}

tw_status tw_config_read_environment(tw_config *config, tw_error *err)
{
    tw_status rc;
    char name[NAME_SIZE + 16];
    tw_error inner = {TW_OK, ""};

    for (int i = 0; i < TW_N_OPTION; i++) {
        const char *text;
        size_t n = (size_t)snprintf(name, sizeof name, "TOPWORK_%s", options[i].name);

        for (size_t k = 0; k < n; k++)
            name[k] = name[k] == '-' ? '_' : (char)toupper((unsigned char)name[k]);
        if (!(text = getenv(name)))
            continue;
        if ((rc = tw_config_set(config, options[i].name, text, TW_FROM_ENVIRONMENT, &inner))) {
            fail_in(name, &inner, err);
            return rc;
        }
    }
    return TW_OK;
}

/* ---- as JSON */

tw_json *tw_train__value_json(tw_option option, const char *text)
{
    int64_t n = 0;
    double f = 0.0;
    bool b = false;

    switch (kinds[option]) {
    case KIND_SWITCH:
        return parse_bool(&b, text) ? tw_json_new_bool(b) : NULL;
    case KIND_COUNT:
    case KIND_WHOLE:
    case KIND_IMAGE:
    case KIND_BATCH:
    case KIND_THREADS:
    case KIND_SEED:
    case KIND_SEED32:
        return tw_parse_i64(&n, text) ? tw_json_new_i64(n) : NULL;
    case KIND_RATE:
    case KIND_POSITIVE:
    case KIND_FRACTION:
    case KIND_SHARE:
        return tw_parse_f64(&f, text) ? tw_json_new_f64(f) : NULL;
    default:
        return tw_json_new_string(text);
    }
}
