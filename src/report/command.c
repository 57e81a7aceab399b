/*
 * The command that repeats a run, from its config.json: data, then every option whose value is not
 * the default, then where it goes. The second form reads config.json itself and repeats the run
 * even where a later topwork has other defaults.
 */
#include "report/report_int.h"

#include "base/fail.h"
#include "base/memory.h"

#include <string.h>

/* One word of a shell's command line. */
static void add_word(tw_text *text, const char *word)
{
    const size_t n = tw_shell_word(NULL, 0, word) + 1;
    char *quoted = tw_malloc(n);

    if (quoted) {
        tw_shell_word(quoted, n, word);
        tw_text_add(text, "%s", quoted);
    } else {
        text->failed = true;
    }
    tw_free(quoted);
}

/* Where a word would be taken for an option. */
static void add_operand(tw_text *text, const char *word)
{
    if (word[0] == '-')
        tw_text_add(text, "./");
    add_word(text, word);
}

static bool is_switch(const char *name)
{
    for (int i = 0; tw_config_option(i); i++)
        if (!strcmp(tw_config_option(i)->name, name))
            return !tw_config_option(i)->argument;
    return false;
}

static tw_status find_changed(tw_figures *figures, tw_error *err)
{
    for (int i = 0; tw_config_option(i); i++) {
        const char *value = tw_config_changed(figures->config, i);
        tw_changed *at = &figures->options[figures->n_options];

        if (!value)
            continue;
        at->name = tw_config_option(i)->name;
        if (!(at->value = tw_strdup(value)))
            return tw_fail(err, TW_ENOMEM, "no memory for the options of the run");
        figures->n_options++;
    }
    return TW_OK;
}

static const char *verb_of(const tw_figures *figures)
{
    return figures->n_rates > 0 ? "lr-find" : "train";
}

/* `between` stands before each option. */
static void add_command(tw_text *text, const tw_figures *figures, const char *between)
{
    const char *data = tw_config_get(figures->config, "data");

    tw_text_add(text, "topwork %s ", verb_of(figures));
    add_operand(text, data ? data : "DATA");
    for (int i = 0; i < figures->n_options; i++) {
        const tw_changed *option = &figures->options[i];

        tw_text_add(text, "%s--%s", between, option->name);
        if (is_switch(option->name)) /* false unless given */
            continue;
        tw_text_add(text, " ");
        add_word(text, option->value);
    }
    tw_text_add(text, "%s-o ", between);
    add_operand(text, figures->run);
}

static tw_status make_texts(tw_figures *figures, tw_error *err)
{
    enum { LINE = 78 };
    tw_text command = {0}, listing = {0}, repeat = {0};

    add_command(&command, figures, " ");
    add_command(&listing, figures, command.n > LINE ? " \\\n    " : " ");
    tw_text_add(&repeat, "topwork %s --config ", verb_of(figures));
    add_operand(&repeat, figures->run);
    tw_text_add(&repeat, "/config.json -o AGAIN");
    figures->command = command.text; /* ownership moved */
    figures->listing = listing.text;
    figures->repeat = repeat.text;
    return command.failed || listing.failed || repeat.failed
               ? tw_fail(err, TW_ENOMEM, "no memory for the command of the run")
               : TW_OK;
}

tw_status tw_report__command_make(tw_figures *figures, tw_error *err)
{
    tw_status rc;
    size_t n = 0;

    while (tw_config_option((int)n))
        n++;
    if (!(figures->options = tw_calloc(n, sizeof *figures->options)))
        return tw_fail(err, TW_ENOMEM, "no memory for the options of the run");
    rc = find_changed(figures, err);
    return rc ? rc : make_texts(figures, err);
}
