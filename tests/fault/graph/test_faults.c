/* The n-th allocation fails: no crash, no leak, TW_ENOMEM with a sentence, nothing handed out. */
#include "base/sys.h"

#include "unit/graph/graph_fixture.h"

#include <errno.h>

enum { MANY = 500 };

typedef tw_status (*attempt)(tw_graph **out, tw_graph *graph, tw_error *err);

static tw_status try_copy(tw_graph **out, tw_graph *graph, tw_error *err)
{
    return tw_graph_copy(out, graph, err);
}

static tw_status try_cut(tw_graph **out, tw_graph *graph, tw_error *err)
{
    return tw_graph_cut(out, graph, 4, err);
}

static tw_status try_suffix(tw_graph **out, tw_graph *graph, tw_error *err)
{
    return tw_graph_suffix(out, graph, 4, err);
}

static tw_status try_top(tw_graph **out, tw_graph *graph, tw_error *err)
{
    return tw_graph_parse_top(out, &graph->nodes[4].out, "gap, 3 relu, dropout 0.5", 2, err);
}

static tw_status try_join(tw_graph **out, tw_graph *graph, tw_error *err)
{
    const tw_shape flat = {1, {5}};
    tw_graph *top;
    tw_status rc;

    *out = NULL;
    if ((rc = tw_graph_parse_top(&top, &flat, "", 2, err)) != TW_OK)
        return rc;
    rc = tw_graph_join(out, graph, top, err);
    tw_graph_free(top);
    return rc;
}

static tw_status try_plan(tw_graph **out, tw_graph *graph, tw_error *err)
{
    int64_t offsets[8], n_bytes;

    *out = NULL;
    return tw_graph_plan_memory(offsets, &n_bytes, graph, 1, err);
}

static void each_allocation_may_fail(void **state)
{
    const attempt attempts[] = {try_copy, try_cut, try_suffix, try_top, try_join, try_plan};
    tw_graph *graph = small_net();
    (void)state;
    for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++) {
        tw_status rc = TW_ENOMEM;

        for (long nth = 1; rc != TW_OK; nth++) {
            tw_error err = {TW_OK, ""};
            tw_graph *out;

            assert_true(nth < MANY);
            tw_sys_fail_nth(TW_SYS_MEMORY, nth, 0, ENOMEM);
            rc = attempts[i](&out, graph, &err);
            tw_sys_fail_nth(TW_SYS_MEMORY, 0, 0, 0);
            assert_true(rc == TW_OK || (rc == TW_ENOMEM && err.text[0] && !out));
            assert_true(rc != TW_OK || nth > 1);
            tw_graph_free(out);
        }
    }
    tw_graph_free(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_allocation_may_fail)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
