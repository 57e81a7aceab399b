/* What the measuring programs share: networks of VGG's kind, random numbers and weights for them.
 */
#ifndef TW_BENCH_WORK_H
#define TW_BENCH_WORK_H

#include "backend/backend.h"

enum { BENCH_BLOCKS = 5, BENCH_MOST_NODES = 64 };

tw_status bench_add_layer(tw_graph *graph, tw_node node, tw_error *err);
/* n_convs convolutions of 3x3 with ReLU, then a pooling: block<B>_conv<C>, block<B>_pool. */
tw_status bench_add_block(tw_graph *graph, int block, int n_convs, int width, tw_error *err);
/* VGG16's trunk on pictures (side,side,3) with these widths; caller frees. */
tw_status bench_make_vgg16(tw_graph **out, int64_t side, const int widths[BENCH_BLOCKS],
                           tw_error *err);

/* n numbers of [-scale/2, scale/2); NULL without memory. Free with tw_free. */
float *bench_random(int64_t n, float scale, uint64_t seed);
/* Ranges of int8 as if the network were calibrated; the numbers do not matter to the time. */
void bench_set_ranges(tw_graph *graph);
/* Kernels with the fan-in's scale, biases of zero; weights has graph->n places. */
tw_status bench_make_weights(tw_node_weights *weights, const tw_graph *graph, tw_error *err);
void bench_free_weights(tw_node_weights *weights, int n);

#endif
