/*
 * Tables and JSON pieces on standard output.
 */
#include "cli/cli.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void shape_text(char *buf, size_t buf_size, const tw_shape *shape)
{
    size_t n = 0;

    buf[0] = '\0';
    for (int i = 0; i < shape->rank && n < buf_size; i++)
        n += (size_t)snprintf(buf + n, buf_size - n, "%s%lld", i ? "x" : "",
                              (long long)shape->dims[i]);
}

void cli_print_layers(const tw_layer_info *layers, int n)
{
    int64_t n_params = 0, n_trained = 0, macs = 0;
    char a[32], b[32];

    printf("%5s  %-16s %-22s %-12s %13s  %8s\n", "index", "layer", "type", "output", "parameters",
           "state");
    for (int i = 0; i < n; i++) {
        const tw_layer_info *layer = &layers[i];
        char shape[96];
        shape_text(shape, sizeof shape, &layer->shape);
        printf("%5d  %-16s %-22s %-12s %13s  %8s\n", layer->index, layer->name, layer->op, shape,
               tw_count_text(a, sizeof a, layer->n_params),
               layer->n_params == 0 ? "" : (layer->frozen ? "frozen" : "trained"));
        n_params += layer->n_params;
        n_trained += layer->frozen ? 0 : layer->n_params;
        macs += layer->macs;
    }
    printf("%s parameters, %s of them trained; ", tw_count_text(a, sizeof a, n_params),
           tw_count_text(b, sizeof b, n_trained));
    printf("%.3f billion multiply-adds a picture\n", (double)macs * 1e-9);
}

void cli_print_json_string(const char *text)
{
    putchar('"');
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            printf("\\%c", c);
        else if (c < 0x20)
            printf("\\u%04x", c);
        else
            putchar(c);
    }
    putchar('"');
}

void cli_print_json_number(double value, int digits)
{
    if (isfinite(value))
        printf("%.*g", digits, value);
    else
        printf("null");
}

void cli_print_percent(double share)
{
    if (isfinite(share))
        printf("%8.2f %%", 100 * share);
    else
        printf("%8s  ", "-");
}
