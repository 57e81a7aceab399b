/*
 * topwork VERB ...: finds the verb, parses its options, runs it, says what went wrong, and chooses
 * the exit code: 0 ok, 1 failed, 2 usage, 3 bad data or file, 4 quality gate, 5 out of memory or
 * disk budget, 130 interrupted.
 */
#include "cli/cli.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>

static const cli_verb *const verbs[] = {
    &cli_train,   &cli_resume,  &cli_lr_find,    &cli_evaluate, &cli_calibrate,
    &cli_explain, &cli_predict, &cli_extract,    &cli_export,   &cli_convert,
    &cli_summary, &cli_show,    &cli_check,      &cli_split,    &cli_benchmark,
    &cli_fetch,   &cli_cache,   &cli_completion, &cli_version};
enum { N_VERBS = sizeof verbs / sizeof verbs[0] };

const cli_verb *cli_get_verb(int i)
{
    return i < N_VERBS ? verbs[i] : NULL;
}

static void print_usage(void)
{
    static const char codes[] =
#define CODE(code, text) #code " " text ", "
        CLI_EXIT_LIST(CODE);
#undef CODE
    char line[sizeof codes];

    printf("usage: topwork VERB [OPTION...] ...\n"
           "Transfer learning: give a pretrained network a new top.\n\nverbs:\n");
    for (int i = 0; i < N_VERBS; i++)
        printf("  %-10s %s\n", verbs[i]->name, verbs[i]->summary);
    printf("\n`topwork VERB --help` tells each verb's options, `man topwork` all of them.\n");
    snprintf(line, sizeof line, "%.*s", (int)sizeof codes - 3, codes);
    cli_print_lines(stdout, "exit codes: ", 12, line);
}

static const cli_verb *find_verb(const char *name)
{
    const char *names[N_VERBS];
    const char *nearest;

    for (int i = 0; i < N_VERBS; i++) {
        names[i] = verbs[i]->name;
        if (strcmp(names[i], name) == 0)
            return verbs[i];
    }
    nearest = tw_nearest_name(name, names, N_VERBS);
    if (nearest)
        fprintf(stderr, "topwork: no verb \"%s\"; did you mean %s\n", name, nearest);
    else
        fprintf(stderr, "topwork: no verb \"%s\"; see topwork --help\n", name);
    return NULL;
}

/* Results are worthless when standard output could not take them (a full disk, say). */
static int finish(tw_status rc)
{
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "topwork: cannot write to standard output\n");
        return rc ? tw_status_exit_code(rc) : 1;
    }
    return tw_status_exit_code(rc);
}

/* A standard stream that the caller closed would lend its number to one of the run's files, and
 * what is printed would go there. Held open for reading only, writing to it still fails. */
static void hold_standard_streams(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) != fd)
            return;
}

int main(int argc, char **argv)
{
    static cli_args args;
    static char version_word[] = "version";
    tw_error err = {TW_OK, ""};
    const cli_verb *verb;
    bool help = false;
    tw_status rc;

    hold_standard_streams();
    signal(SIGPIPE, SIG_IGN);
    if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        print_usage();
        return finish(TW_OK);
    }
    if (argc == 2 && strcmp(argv[1], "--print-man") == 0) { /* the build makes topwork.1 by it */
        cli_print_manual();
        return finish(TW_OK);
    }
    if (argc < 2) {
        fprintf(stderr, "topwork: which verb; see topwork --help\n");
        return tw_status_exit_code(TW_EUSAGE);
    }
    if (strcmp(argv[1], "--version") == 0)
        argv[1] = version_word;
    if (!(verb = find_verb(argv[1])))
        return tw_status_exit_code(TW_EUSAGE);

    cli_catch_signals();
    rc = cli_parse(&args, verb, argc - 1, argv + 1, &help, &err);
    if (rc == TW_OK && help)
        cli_print_help(verb, &args);
    else if (rc == TW_OK)
        rc = verb->run(&args, &err);
    if (rc) {
        cli_clean(err.text);
        fprintf(stderr, "topwork: %s\n", err.text);
    }
    return finish(rc);
}
