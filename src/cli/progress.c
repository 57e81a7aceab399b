/*
 * Progress on standard error: one line redrawn on a terminal, a plain line now and then otherwise.
 * Epochs are results and stay on the screen. SIGINT and SIGTERM ask the library to stop.
 */
#include "cli/cli.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

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

static double now_s(void)
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

static void draw(cli_progress *progress, const tw_event *event)
{
    double t = now_s();
    bool last = event->done == event->total;
    char done[32], total[32], rate[32], left[32];

    if (!last && t - progress->t_last < (progress->terminal ? 0.1 : 10.0))
        return;
    progress->t_last = t;
    if (strcmp(event->phase, "fetch") == 0) { /* counts bytes */
        tw_bytes_text(done, sizeof done, event->done);
        tw_bytes_text(total, sizeof total, event->total);
        tw_bytes_text(rate, sizeof rate, (int64_t)event->rate);
    } else {
        tw_count_text(done, sizeof done, event->done);
        tw_count_text(total, sizeof total, event->total);
        snprintf(rate, sizeof rate, "%.1f", event->rate);
    }
    tw_seconds_text(left, sizeof left, event->t_left_s);
    fprintf(stderr, "%s%-8s %s of %s, %s a second, %s left%s", progress->terminal ? "\r" : "",
            event->phase, done, total, rate, left, progress->terminal ? "\033[K" : "\n");
    progress->open = progress->terminal;
    fflush(stderr);
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
    fflush(stdout);
}

static void print_epoch(const tw_event *event)
{
    printf("epoch %2d/%d  loss %.4f  accuracy %6.2f %%", event->epoch, event->n_epochs, event->loss,
           100 * event->accuracy);
    if (!isnan(event->val_loss))
        printf("  |  validation loss %.4f  accuracy %6.2f %%", event->val_loss,
               100 * event->val_accuracy);
    printf("  %.1f s\n", event->t_s);
    fflush(stdout);
}

static void on_event(void *ctx, const tw_event *event)
{
    cli_progress *progress = ctx;

    if (event->kind == TW_EVENT_PROGRESS) {
        draw(progress, event);
        return;
    }
    cli_progress_end(progress);
    if (event->kind == TW_EVENT_NOTE)
        fprintf(stderr, "note: %s\n", event->text);
    else if (progress->json)
        print_epoch_json(event);
    else
        print_epoch(event);
}

tw_watch cli_watch(cli_progress *progress, bool json)
{
    *progress =
        (cli_progress){.terminal = isatty(STDERR_FILENO) != 0, .json = json, .t_last = now_s()};
    return (tw_watch){on_event, should_stop, progress};
}
