/* The talk with bench/peers.py; see answer.h. */
#include "answer.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>

tw_status bench_answer(const bench_peer *peer, tw_error *err)
{
    char line[64];
    tw_status rc = TW_OK;

    printf("ready %s\n", peer->version);
    fflush(stdout);
    while (rc == TW_OK && fgets(line, sizeof line, stdin) && strcmp(line, "run\n") == 0) {
        double t_s = tw_clock_s();
        rc = peer->run(peer->ctx, err);
        t_s = tw_clock_s() - t_s;
        if (rc == TW_OK)
            printf("%.9f\n", t_s);
        fflush(stdout);
    }
    return rc;
}

int bench_missing(const tw_error *err)
{
    printf("missing: %s\n", err->text);
    return 1;
}
