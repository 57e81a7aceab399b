/*
 * The table of layers, JSON pieces and numbers on standard output.
 */
#include "cli/cli.h"

#include <math.h>

static void shape_text(char *buf, size_t buf_size, const tw_shape *shape)
{
    size_t n = 0;

    buf[0] = '\0';
    for (int i = 0; i < shape->rank && n < buf_size; i++)
        n += (size_t)snprintf(buf + n, buf_size - n, "%s%lld", i ? "x" : "",
                              (long long)shape->dims[i]);
}

tw_status cli_print_layers(const tw_layer_info *layers, int n, tw_error *err)
{
    static const cli_column columns[] = {
        {"index", true, false, false},      {"layer", false, true, false},
        {"type", false, true, true},        {"output", false, false, true},
        {"parameters", true, false, false}, {"state", false, false, false},
        {"rate", false, false, false}};
    bool has_rates = false;
    cli_table *table;
    int64_t n_params = 0, n_trained = 0, macs = 0;
    char a[32], b[32], shape[96], text[256];
    tw_status rc;

    for (int i = 0; i < n; i++)
        has_rates |= layers[i].lr > 0.0;
    table = cli_table_create(columns, sizeof columns / sizeof columns[0] - !has_rates);
    for (int i = 0; i < n; i++) {
        const tw_layer_info *layer = &layers[i];
        shape_text(shape, sizeof shape, &layer->shape);
        cli_table_add(table, "%d", layer->index);
        cli_table_add(table, "%s", layer->name);
        cli_table_add(table, "%s", layer->op);
        cli_table_add(table, "%s", shape);
        cli_table_add(table, "%s", tw_count_text(a, sizeof a, layer->n_params));
        cli_table_add(table, "%s",
                      layer->n_params == 0 ? "" : (layer->frozen ? "frozen" : "trained"));
        if (has_rates && layer->lr > 0.0)
            cli_table_add(table, "%.3g", layer->lr);
        else if (has_rates)
            cli_table_add(table, "%s", "");
        n_params += layer->n_params;
        n_trained += layer->frozen ? 0 : layer->n_params;
        macs += layer->macs;
    }
    rc = cli_table_print(table, err);
    cli_table_free(table);
    if (rc)
        return rc;
    snprintf(text, sizeof text,
             "%s parameters, %s of them trained; %.3f billion multiply-adds a picture",
             tw_count_text(a, sizeof a, n_params), tw_count_text(b, sizeof b, n_trained),
             (double)macs * 1e-9);
    cli_print_lines(stdout, "", 0, text);
    return TW_OK;
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

const char *cli_percent_text(char *buf, double share)
{
    if (!isfinite(share))
        return "-";
    snprintf(buf, 16, "%.2f %%", 100 * share);
    return buf;
}

const char *cli_loss_text(char buf[CLI_LOSS_SIZE], double loss)
{
    snprintf(buf, CLI_LOSS_SIZE, loss < 1e5 ? "%.4f" : "%.4g", loss);
    return buf;
}

void cli_print_trunk(int64_t n_trunk, int64_t n)
{
    char count[32],
        text[128] = "no picture went through the trunk: all features came from the cache";

    if (n_trunk > 0)
        snprintf(text, sizeof text, "%s picture%s went through the trunk%s",
                 tw_count_text(count, sizeof count, n_trunk), n_trunk == 1 ? "" : "s",
                 n_trunk < n ? ", features of the others came from the cache" : "");
    cli_print_lines(stdout, "", 0, text);
}
