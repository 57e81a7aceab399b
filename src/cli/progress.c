/*
 * Progress on standard error: one line with a bar, redrawn on a terminal, a plain line every ten
 * seconds otherwise. Epochs are results: they go to standard output and stay on the screen. SIGINT
 * and SIGTERM ask the library to stop.
 */
#include "cli/cli.h"

#include <math.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#define COUNT(table) ((int)(sizeof(table) / sizeof(table)[0]))

static volatile sig_atomic_t stop_asked;

static void ask_to_stop(int signal_number)
{
    (void)signal_number;
    stop_asked = 1;
}

void cli_catch_signals(void)
{
    struct sigaction action;

    memset(&action, 0, sizeof action);
    action.sa_handler = ask_to_stop;
    action.sa_flags = (int)SA_RESETHAND; /* a second Ctrl-C ends at once */
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static int should_stop(void *ctx)
{
    (void)ctx;
    return stop_asked != 0;
}

double cli_now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void cli_progress_end(cli_progress *progress)
{
    if (progress->open)
        fputs("\r\033[K", stderr);
    progress->open = false;
}

/* ---- texts */

enum { N_TEXT = 32, N_TAIL = 128, N_LINE = 512 };

static bool is_phase(const tw_event *event, const char *phase)
{
    return strcmp(event->phase, phase) == 0;
}

/* Pictures, or bytes where files are fetched. */
static char *amount_text(char buf[N_TEXT], const tw_event *event, int64_t value)
{
    return (is_phase(event, "fetch") ? tw_bytes_text : tw_count_text)(buf, N_TEXT, value);
}

/* "1,200 of 4,800"; "123 MB" where nobody knows how many there will be. */
static char *amounts_text(char buf[2 * N_TEXT], const tw_event *event)
{
    char done[N_TEXT], total[N_TEXT];

    amount_text(done, event, event->done);
    if (event->total > 0)
        snprintf(buf, 2 * N_TEXT, "%s of %s", done, amount_text(total, event, event->total));
    else
        snprintf(buf, 2 * N_TEXT, "%s", done);
    return buf;
}

static char *rate_text(char buf[N_TEXT], const tw_event *event, double rate)
{
    char bytes[N_TEXT];

    if (is_phase(event, "fetch"))
        snprintf(buf, N_TEXT, "%.16s a second",
                 tw_bytes_text(bytes, sizeof bytes, isfinite(rate) ? (int64_t)rate : 0));
    else
        snprintf(buf, N_TEXT, "%.1f a second", rate);
    return buf;
}

/* "12 s left", as wide as most times are, so that the bar before it does not jump. */
static char *left_text(char buf[N_TEXT], double t_s)
{
    char text[N_TEXT];

    snprintf(text, sizeof text, "%.20s left", tw_seconds_text(buf, N_TEXT, t_s));
    snprintf(buf, N_TEXT, "%-16s", isfinite(t_s) ? text : "");
    return buf;
}

/* ---- on a terminal */

static void redraw(cli_progress *progress, const cli_bar *bar)
{
    char line[N_LINE];

    cli_bar_text(line, sizeof line, bar, cli_columns(stderr) - 1);
    fprintf(stderr, "\r%s\033[K", line);
    progress->open = true;
}

static double share_of(const tw_event *event)
{
    return event->total > 0 ? (double)event->done / (double)event->total : 0.0;
}

/* The epoch that runs: loss and accuracy so far, time left in it and in all. */
static void draw_epoch(cli_progress *progress, const tw_event *event)
{
    char head[N_TEXT], left[N_TEXT], all[N_TEXT], tails[4][N_TAIL];
    const char *const list[] = {tails[0], tails[1], tails[2], tails[3], ""};
    cli_bar bar = {.head = head,
                   .share = share_of(event),
                   .with_percent = true,
                   .tails = list,
                   .n_tails = COUNT(list)};
    double accuracy = 100 * event->accuracy;

    snprintf(head, sizeof head, "epoch %2d/%d", event->epoch, event->n_epochs);
    left_text(left, event->t_left_s);
    tw_seconds_text(all, sizeof all, event->t_left_all_s);
    if (isfinite(event->t_left_all_s))
        snprintf(tails[0], N_TAIL, "loss %7.4f  accuracy %6.2f %%  %s (%s in all)", event->loss,
                 accuracy, left, all);
    else
        snprintf(tails[0], N_TAIL, "loss %7.4f  accuracy %6.2f %%", event->loss, accuracy);
    snprintf(tails[1], N_TAIL, "loss %7.4f  accuracy %6.2f %%  %s", event->loss, accuracy, left);
    snprintf(tails[2], N_TAIL, "loss %7.4f  %5.2f %%", event->loss, accuracy);
    snprintf(tails[3], N_TAIL, "loss %7.4f", event->loss);
    redraw(progress, &bar);
}

static void draw_phase(cli_progress *progress, const tw_event *event)
{
    char head[N_TEXT], amounts[2 * N_TEXT], rate[N_TEXT], left[N_TEXT], tails[2][N_TAIL];
    const char *const list[] = {tails[0], tails[1], left, ""};
    cli_bar bar = {.head = head,
                   .share = share_of(event),
                   .with_percent = event->total > 0,
                   .tails = list,
                   .n_tails = COUNT(list)};

    snprintf(head, sizeof head, "%-8.20s", event->phase);
    rate_text(rate, event, event->rate);
    left_text(left, event->t_left_s);
    snprintf(tails[0], N_TAIL, "%s  %s  %s", amounts_text(amounts, event), rate, left);
    snprintf(tails[1], N_TAIL, "%s  %s", rate, left);
    redraw(progress, &bar);
}

/* A phase that has ended stays on the screen as one line: how many, how long, how fast; without
 * what a cut download had before. */
static void keep_phase(cli_progress *progress, const tw_event *event)
{
    char head[N_TEXT], done[N_TEXT], speed[N_TEXT], time[N_TEXT], tails[2][N_TAIL];
    const char *const list[] = {tails[0], tails[1], ""};
    cli_bar bar = {.head = head, .share = 1.0, .tails = list, .n_tails = COUNT(list)};
    double t_s = cli_now_s() - progress->t_phase_s;
    int64_t n = event->done - progress->done_first;
    double rate = t_s > 0 ? (double)n / t_s : 0.0;

    snprintf(head, sizeof head, "%-8.20s", event->phase);
    tw_seconds_text(time, sizeof time, t_s);
    snprintf(tails[0], N_TAIL, "%s in %s, %s", amount_text(done, event, n), time,
             rate_text(speed, event, rate));
    snprintf(tails[1], N_TAIL, "%s", time);
    redraw(progress, &bar);
    fputc('\n', stderr);
    progress->open = false;
}

/* ---- in a pipe */

static void print_line(const tw_event *event)
{
    char amounts[2 * N_TEXT], rate[N_TEXT], left[N_TEXT], all[N_TEXT], loss[CLI_LOSS_SIZE];

    amounts_text(amounts, event);
    tw_seconds_text(left, sizeof left, event->t_left_s);
    if (is_phase(event, "train"))
        fprintf(
            stderr, "%-8s epoch %d/%d, %s, loss %s, accuracy %.2f %%, %s left, in all %s left\n",
            event->phase, event->epoch, event->n_epochs, amounts, cli_loss_text(loss, event->loss),
            100 * event->accuracy, left, tw_seconds_text(all, sizeof all, event->t_left_all_s));
    else if (event->total > 0)
        fprintf(stderr, "%-8s %s, %s, %s left\n", event->phase, amounts,
                rate_text(rate, event, event->rate), left);
    else
        fprintf(stderr, "%-8s %s, %s\n", event->phase, amounts,
                rate_text(rate, event, event->rate));
}

/* ---- events */

/* Phases that come again each epoch leave no line behind. */
static bool stays(const tw_event *event)
{
    return !is_phase(event, "train") && !is_phase(event, "validate");
}

/* A phase began before its first event. That says since when, by its rate: not before the event
 * before it, though, which leaves what was there already. */
static void date_back(cli_progress *progress, const tw_event *event)
{
    const double now_s = cli_now_s(), most_s = now_s - progress->t_event_s;
    const bool known = isfinite(event->rate) && event->rate > 0;
    const double t_s = known ? (double)event->done / event->rate : most_s;

    progress->t_phase_s = now_s - (t_s < most_s ? t_s : most_s);
    progress->done_first = t_s > most_s ? event->done - (int64_t)(event->rate * most_s) : 0;
}

/* true where a phase, or a new epoch of it, begins. */
static bool start_phase(cli_progress *progress, const tw_event *event)
{
    bool same = strncmp(progress->phase, event->phase, sizeof progress->phase - 1) == 0;
    bool starts = !same || event->done < progress->done || event->epoch != progress->epoch;

    if (starts) {
        snprintf(progress->phase, sizeof progress->phase, "%s", event->phase);
        date_back(progress, event);
    }
    progress->t_event_s = cli_now_s();
    progress->done = event->done;
    progress->epoch = event->epoch;
    return starts;
}

static void show_progress(cli_progress *progress, const tw_event *event)
{
    bool terminal = cli_is_terminal(stderr), last = event->done == event->total && stays(event);
    bool first = start_phase(progress, event) && terminal;
    double t_s = cli_now_s();

    if (progress->quiet || (!first && !last && t_s - progress->t_drawn_s < (terminal ? 0.1 : 10.0)))
        return;
    progress->t_drawn_s = t_s;
    if (!terminal)
        print_line(event);
    else if (last)
        keep_phase(progress, event);
    else
        (is_phase(event, "train") ? draw_epoch : draw_phase)(progress, event);
}

static void print_epoch_json(const tw_event *event)
{
    printf("{\"event\":\"epoch\",\"epoch\":%d,\"epochs\":%d,\"loss\":", event->epoch,
           event->n_epochs);
    cli_print_json_number(event->loss, 9);
    printf(",\"accuracy\":");
    cli_print_json_number(event->accuracy, 9);
    printf(",\"val_loss\":");
    cli_print_json_number(event->val_loss, 9);
    printf(",\"val_accuracy\":");
    cli_print_json_number(event->val_accuracy, 9);
    printf(",\"seconds\":%.3f}\n", event->t_s);
}

static void print_epoch(const tw_event *event)
{
    char loss[CLI_LOSS_SIZE];

    printf("epoch %2d/%d  loss %s  accuracy %6.2f %%", event->epoch, event->n_epochs,
           cli_loss_text(loss, event->loss), 100 * event->accuracy);
    if (!isnan(event->val_loss))
        printf("  |  validation loss %s  accuracy %6.2f %%", cli_loss_text(loss, event->val_loss),
               100 * event->val_accuracy);
    printf("  %.1f s\n", event->t_s);
}

/* On a terminal: the same with a full bar, a star and green where it is the best so far. */
static void print_epoch_bar(const tw_event *event)
{
    char head[N_TEXT], time[N_TEXT], tails[5][N_TAIL], line[N_LINE];
    const char *const list[] = {tails[0], tails[1], tails[2], tails[3], ""};
    cli_bar bar = {.head = head,
                   .mark = event->is_best ? "* " : "  ",
                   .share = 1.0,
                   .tails = list,
                   .n_tails = COUNT(list)};
    double loss = event->loss, val_loss = event->val_loss;
    double accuracy = 100 * event->accuracy, val_accuracy = 100 * event->val_accuracy;

    snprintf(head, sizeof head, "epoch %2d/%d", event->epoch, event->n_epochs);
    tw_seconds_text(time, sizeof time, event->t_s);
    if (isnan(val_loss)) {
        snprintf(tails[0], N_TAIL, "loss %7.4f  accuracy %5.2f %%  %s", loss, accuracy, time);
        snprintf(tails[1], N_TAIL, "loss %7.4f  acc %5.2f %%  %s", loss, accuracy, time);
        snprintf(tails[2], N_TAIL, "loss %7.4f", loss);
        snprintf(tails[3], N_TAIL, "acc %5.2f %%", accuracy);
    } else {
        snprintf(tails[0], N_TAIL,
                 "loss %7.4f  accuracy %5.2f %%  val loss %7.4f  val accuracy %5.2f %%  %s", loss,
                 accuracy, val_loss, val_accuracy, time);
        snprintf(tails[1], N_TAIL, "loss %7.4f  acc %5.2f %%  val %7.4f  acc %5.2f %%  %s", loss,
                 accuracy, val_loss, val_accuracy, time);
        snprintf(tails[2], N_TAIL, "loss %7.4f  %5.2f %%  val %7.4f  %5.2f %%  %s", loss, accuracy,
                 val_loss, val_accuracy, time);
        snprintf(tails[3], N_TAIL, "val acc %5.2f %%", val_accuracy);
    }
    cli_bar_text(line, sizeof line, &bar, cli_columns(stdout) - 1);
    printf("%s%s%s\n", event->is_best ? cli_style(stdout, CLI_GREEN) : "", line,
           event->is_best ? cli_style(stdout, CLI_PLAIN) : "");
}

static void on_event(void *ctx, const tw_event *event)
{
    cli_progress *progress = ctx;

    if (event->kind == TW_EVENT_PROGRESS) {
        show_progress(progress, event);
        return;
    }
    cli_progress_end(progress);
    if (event->kind == TW_EVENT_NOTE)
        cli_print_note(event->text);
    else if (progress->json)
        print_epoch_json(event);
    else if (!progress->quiet)
        (cli_is_terminal(stdout) ? print_epoch_bar : print_epoch)(event);
    fflush(stdout);
}

tw_watch cli_watch(cli_progress *progress, const cli_args *args)
{
    double t_s = cli_now_s();

    *progress = (cli_progress){.quiet = cli_has(args, "quiet"),
                               .json = cli_has(args, "json"),
                               .t_drawn_s = t_s,
                               .t_event_s = t_s};
    return (tw_watch){on_event, should_stop, progress};
}
