/*
 * A sweep: one training for each combination of the values of some options. The best one keeps its
 * model, the others what repeats them.
 *
 *   lr=0.001|0.01, top=gap|256 relu, dropout 0.5
 *
 * A comma (or a semicolon) ends an axis only where an option's name and = come behind it.
 */
#include "train/trials.h"

#include "base/fail.h"
#include "base/memory.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { MOST_AXES = 16, MOST_VALUES = 100, NAME_SIZE = 64 };

typedef struct axis {
    const char *name; /* of the option, static */
    const char *values[MOST_VALUES];
    int n;
} axis;

typedef struct sweep {
    char *text; /* where the values lie */
    axis axes[MOST_AXES];
    int n;
} sweep;

/* ---- reading the axes */

/* "  lr =" at text: the name and where the values begin, NULL where there is no name and =. */
static const char *read_name(char name[NAME_SIZE], const char *text)
{
    size_t n = 0;

    text += strspn(text, " ");
    while (isalnum((unsigned char)text[n]) || text[n] == '-' || text[n] == '_')
        n++;
    if (n == 0 || n >= NAME_SIZE || text[n + strspn(text + n, " ")] != '=')
        return NULL;
    memcpy(name, text, n);
    name[n] = '\0';
    return text + n + strspn(text + n, " ") + 1;
}

/* Does another axis begin behind the comma at text? */
static bool begins_axis(const char *text)
{
    char name[NAME_SIZE];

    return read_name(name, text + 1) != NULL;
}

static char *trimmed(char *text)
{
    size_t n;

    text += strspn(text, " ");
    for (n = strlen(text); n > 0 && text[n - 1] == ' '; n--)
        text[n - 1] = '\0';
    return text;
}

static tw_status add_value(axis *to, char *value, tw_error *err)
{
    value = trimmed(value);
    for (int i = 0; i < to->n; i++)
        if (!strcmp(to->values[i], value))
            return tw_fail(err, TW_EUSAGE, "sweep: option %s has the value '%s' twice", to->name,
                           value);
    if (to->n == MOST_VALUES)
        return tw_fail(err, TW_EUSAGE, "sweep: option %s has more than %d values", to->name,
                       MOST_VALUES);
    to->values[to->n++] = value;
    return TW_OK;
}

/* An option that says what is trained and how; not where, nor on which pictures. */
static tw_status begin_axis(sweep *s, const char *name, tw_error *err)
{
    static const char *const shared[] = {"data", "output", "overwrite", "fold", NULL};
    const char *canonical = tw_config_canonical(name);

    if (!canonical)
        return tw_train__fail_unknown_option(name, err);
    for (int i = 0; shared[i]; i++)
        if (!strcmp(canonical, shared[i]))
            return tw_fail(err, TW_EUSAGE, "sweep: option %s is the same for all", canonical);
    for (int i = 0; i < s->n; i++)
        if (!strcmp(s->axes[i].name, canonical))
            return tw_fail(err, TW_EUSAGE, "sweep: option %s is there twice", canonical);
    if (s->n == MOST_AXES)
        return tw_fail(err, TW_EUSAGE, "sweep: more than %d options", MOST_AXES);
    s->axes[s->n++].name = canonical;
    return TW_OK;
}

static tw_status read_axes(sweep *s, tw_error *err)
{
    char name[NAME_SIZE], *at = s->text;

    while (*at) {
        char *value = (char *)read_name(name, at);
        tw_status rc;
        bool is_last;

        if (!value)
            return tw_fail(err, TW_EUSAGE,
                           "sweep: '%s' is not OPTION=VALUE|VALUE..., such as lr=0.001|0.01", at);
        if ((rc = begin_axis(s, name, err)))
            return rc;
        do {
            char *end = value;
            while (*end && *end != '|' && !((*end == ',' || *end == ';') && begins_axis(end)))
                end++;
            is_last = *end != '|';
            at = *end ? end + 1 : end;
            *end = '\0';
            if ((rc = add_value(&s->axes[s->n - 1], value, err)))
                return rc;
            value = at;
        } while (!is_last);
    }
    return s->n ? TW_OK
                : tw_fail(err, TW_EUSAGE,
                          "sweep: OPTION=VALUE|VALUE... is wanted, such as "
                          "lr=0.001|0.01");
}

/* Every value is tried on a configuration before the first training. */
static tw_status check_values(const sweep *s, const tw_config *config, tw_error *err)
{
    tw_config *copy;
    tw_status rc = tw_train__config_copy(&copy, config, err);

    for (int i = 0; i < s->n && !rc; i++)
        for (int k = 0; k < s->axes[i].n && !rc; k++)
            rc = tw_config_set(copy, s->axes[i].name, s->axes[i].values[k], TW_FROM_FLAG, err);
    tw_config_free(copy);
    return rc;
}

static tw_status open_sweep(sweep *s, const char *text, const tw_config *config, tw_error *err)
{
    tw_status rc;

    memset(s, 0, sizeof *s);
    if (!(s->text = tw_strdup(text)))
        return tw_fail(err, TW_ENOMEM, "no memory for a sweep");
    return (rc = read_axes(s, err)) ? rc : check_values(s, config, err);
}

/* ---- the trainings */

static tw_status count_trials(int *out, const sweep *s, tw_error *err)
{
    int n = 1;

    for (int i = 0; i < s->n; i++)
        if ((n *= s->axes[i].n) > TW_MOST_TRIALS)
            return tw_fail(err, TW_EUSAGE, "sweep: more than %d combinations", TW_MOST_TRIALS);
    *out = n;
    return TW_OK;
}

/* The settings of combination i: the last axis changes fastest. */
static void combine(tw_trial_setting settings[MOST_AXES], const sweep *s, int i)
{
    for (int a = s->n - 1; a >= 0; a--) {
        const axis *of = &s->axes[a];

        settings[a] = (tw_trial_setting){of->name, of->values[i % of->n]};
        i /= of->n;
    }
}

/* The loser of the newest and the best so far loses its model. */
static tw_status keep_best(tw_trial_set *set, tw_error *err)
{
    tw_trials *out = set->out;
    const int newest = out->n - 1;
    int loser = newest;

    if (newest == 0)
        return TW_OK;
    if (tw_train__trial_is_better(&out->trials[newest], &out->trials[out->best])) {
        loser = out->best;
        out->best = newest;
    }
    return tw_train__trial_drop_model(set, &out->trials[loser], err);
}

tw_status tw_training_sweep(tw_trials *out, const tw_config *config, const char *axes,
                            const tw_watch *watch, tw_error *err)
{
    tw_trial_set set = {.folder = {.log = {.fd = -1}}};
    sweep s;
    tw_status rc;
    int n = 0;

    memset(out, 0, sizeof *out);
    if ((rc = open_sweep(&s, axes, config, err)) || (rc = count_trials(&n, &s, err)) ||
        (rc = tw_train__trials_begin(&set, out, config, n, watch, err)))
        goto done;
    for (int i = 0; i < n && !rc; i++) {
        tw_trial_setting settings[MOST_AXES];
        char name[32];

        combine(settings, &s, i);
        snprintf(name, sizeof name, "trial-%0*d", n < 10 ? 1 : n < 100 ? 2 : 3, i + 1);
        if (!(rc = tw_train__trial_run(&set, name, settings, s.n, err)) &&
            !(rc = keep_best(&set, err)))
            rc = tw_train__trials_write(&set, "sweep.csv", err);
    }
done:
    tw_train__trials_end(&set);
    tw_free(s.text);
    return rc;
}
