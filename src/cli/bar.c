/*
 * One line with a bar, as wide as there is room: head, [====>.....], percent, tail. Of several
 * tails the first that leaves the bar enough room is taken, so that a narrow terminal loses words
 * before it loses the bar.
 *
 *     epoch  3/20  [===>....]  45%  loss 0.2345  accuracy 92.10 %  12 s left
 */
#include "cli/cli.h"

#include <string.h>

enum { MIN_BAR = 4, MAX_BAR = 30, GAP = 2, BRACKETS = 2, PERCENT = 4 };

/* What is left for the bar's inside when this tail stands behind it. */
static int room(const cli_bar *bar, const char *tail, int width)
{
    int taken = cli_text_width(bar->head) + GAP + BRACKETS;

    if (bar->with_percent)
        taken += GAP + PERCENT;
    if (*tail)
        taken += GAP + cli_text_width(tail);
    return width - taken;
}

void cli_bar_fill(char *buf, int n, double share)
{
    int done = (int)(share * n);

    done = done < 0 ? 0 : done > n ? n : done;
    memset(buf, '=', (size_t)done);
    memset(buf + done, '.', (size_t)(n - done));
    if (done > 0 && done < n)
        buf[done - 1] = '>';
    buf[n] = '\0';
}

void cli_bar_text(char *buf, size_t buf_size, const cli_bar *bar, int width)
{
    char inside[MAX_BAR + 1], percent[16] = "";
    const char *tail = "";
    int n = -1;

    for (int i = 0; i < bar->n_tails && n < MIN_BAR; i++) {
        tail = bar->tails[i];
        n = room(bar, tail, width);
    }
    if (n < MIN_BAR) {
        snprintf(buf, buf_size, "%.*s", width > 0 ? width : 0, bar->head);
        return;
    }
    cli_bar_fill(inside, n < MAX_BAR ? n : MAX_BAR, bar->share);
    if (bar->with_percent)
        snprintf(percent, sizeof percent, "  %3d%%", (int)(100 * bar->share));
    snprintf(buf, buf_size, "%s%s[%s]%s%s%s", bar->head, bar->mark ? bar->mark : "  ", inside,
             percent, *tail ? "  " : "", tail);
    for (size_t end = strlen(buf); end > 0 && buf[end - 1] == ' '; end--)
        buf[end - 1] = '\0'; /* a tail may end in blanks that hold room */
}
