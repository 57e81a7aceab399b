/*
 * A chain by the clock: the same run, with the seconds that each layer's steps took on each worker;
 * and how each layer is computed. The numbers are those of the backend's plans, told by the model's
 * layers.
 */
#include "base/fail.h"
#include "base/memory.h"
#include "infer/infer_int.h"

#include <stdio.h>
#include <string.h>

/* Workers' seconds of a stage added up, in the model's numbering. */
static void collect(double *seconds, const tw_infer_stage *stage, int n_workers)
{
    const int n = stage->plan->graph->n;

    for (int i = 0; i < n_workers * n; i++)
        if (stage->model_nodes[i % n] >= 0)
            seconds[stage->model_nodes[i % n]] += stage->seconds[i];
}

tw_status tw_chain_run_timed(tw_chain *chain, const float *in, int64_t n, float *out,
                             double *seconds, tw_error *err)
{
    tw_status rc = TW_OK;

    for (int i = 0; i < chain->n_stages; i++) {
        tw_infer_stage *stage = &chain->stages[i];
        const size_t places = (size_t)chain->n_workers * (size_t)stage->plan->graph->n;

        if (!(stage->seconds = tw_calloc(places + 1, sizeof *stage->seconds))) {
            rc = tw_fail(err, TW_ENOMEM, "no memory for the times of %d layers",
                         stage->plan->graph->n);
            goto done;
        }
    }
    if ((rc = tw_chain_run(chain, in, n, out, NULL, NULL, err)))
        goto done;
    for (int i = 0; i < chain->n_stages; i++)
        collect(seconds, &chain->stages[i], chain->n_workers);
done:
    for (int i = 0; i < chain->n_stages; i++) {
        tw_free(chain->stages[i].seconds);
        chain->stages[i].seconds = NULL;
    }
    return rc;
}

/* The value of "name=value" in choices that have commas between them; where they have no names, it
 * is one for all layers. NULL where there is none. */
static const char *find_choice(size_t *length, const char *choices, const char *name)
{
    const size_t n = strlen(name);

    *length = strlen(choices);
    if (!strchr(choices, '='))
        return choices;
    for (const char *at = choices; *at; at += *at == ',') {
        if (strncmp(at, name, n) == 0 && at[n] == '=') {
            *length = strcspn(at + n + 1, ",");
            return at + n + 1;
        }
        at += strcspn(at, ",");
    }
    return NULL;
}

const char *tw_chain_algorithm(char *buf, size_t buf_size, const tw_chain *chain, int layer)
{
    buf[0] = '\0';
    for (int i = 0; i < chain->n_stages; i++) {
        const tw_infer_stage *stage = &chain->stages[i];
        const char *name = chain->model->graph->nodes[layer].name, *choice;
        size_t length;

        for (int k = 1; k < stage->plan->graph->n; k++)
            if (stage->model_nodes[k] == layer &&
                (choice = find_choice(&length, stage->plan->choices, name)))
                snprintf(buf, buf_size, "%.*s", (int)length, choice);
    }
    return buf;
}
