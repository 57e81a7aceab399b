/* The talk with bench/peers.py; see answer.h. */
#include "answer.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

tw_status bench_answer(const bench_peer *peer, tw_error *err)
{
    char line[64];
    tw_status rc = TW_OK;

    printf("ready %s\n", peer->version);
    fflush(stdout);
    while (rc == TW_OK && fgets(line, sizeof line, stdin) && strcmp(line, "run\n") == 0) {
        const clock_t cpu = clock();
        double t_s = tw_clock_s();
        rc = peer->run(peer->ctx, err);
        t_s = tw_clock_s() - t_s;
        if (rc == TW_OK)
            printf("%.9f %.6f\n", t_s, (double)(clock() - cpu) / CLOCKS_PER_SEC);
        fflush(stdout);
    }
    return rc;
}

int bench_missing(const tw_error *err)
{
    printf("missing: %s\n", err->text);
    return 1;
}
