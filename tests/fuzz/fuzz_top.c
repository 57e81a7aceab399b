/* The --top language, behind flat features and behind a picture of them. */
#include "fuzz.h"

#include "graph/graph.h"
#include "tensor/tensor.h"

#include <stdlib.h>
#include <string.h>

static int parse(const tw_shape *input, const char *spec, size_t n)
{
    tw_graph *graph;
    tw_error err = {TW_OK, ""};
    tw_status rc;

    fuzz_begin();
    rc = tw_graph_parse_top(&graph, input, spec, 3, &err);
    tw_graph_free(graph);
    fuzz_end(n, 0);
    if (rc == TW_ESHAPE && err.code == rc) /* more numbers than can be counted */
        rc = err.code = TW_EFILE;
    fuzz_clean_usage(rc, &err, "");
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const tw_shape flat = tw_shape_make(1, (int64_t[]){512}),
                   picture = tw_shape_make(3, (int64_t[]){7, 7, 512});
    char *spec = malloc(n + 1);

    memcpy(spec, data, n);
    spec[n] = '\0';
    parse(&flat, spec, n);
    parse(&picture, spec, n);
    free(spec);
    return 0;
}
