/*
 * What a model file says beside its numbers. The input's lines are the texts of graph, contract,
 * classes, frozen, provenance, sha256 and version; they go into the metadata of a safetensors file
 * whose tensors are those of a small network, and that file is opened as a model.
 */
#include "fuzz.h"

#include "base/text.h"

#include <tw/model.h>

#include <stdlib.h>
#include <string.h>

/* One row an entry, in the order of the lines. */
static const char *const keys[] = {"graph",      "contract", "classes", "frozen",
                                   "provenance", "sha256",   "topwork"};
enum { N_KEYS = sizeof keys / sizeof keys[0] };

/* One row a tensor of the small network: name, shape as the header has it, numbers. */
static const struct {
    const char *name, *shape;
    int n;
} tensors[] = {{"conv/kernel", "3,3,3,2", 54},
               {"conv/bias", "2", 2},
               {"predictions/kernel", "2,3", 6},
               {"predictions/bias", "3", 3}};
enum { N_TENSORS = sizeof tensors / sizeof tensors[0], N_NUMBERS = 65 };

/* A line as a JSON string. */
static void add_string(tw_text *out, const char *line, size_t n)
{
    tw_text_add(out, "\"");
    for (size_t i = 0; i < n; i++) {
        const unsigned char c = (unsigned char)line[i];

        tw_text_add(out, c == '"' || c == '\\' ? "\\%c" : c < ' ' ? "\\u%04x" : "%c", c);
    }
    tw_text_add(out, "\"");
}

static void add_metadata(tw_text *out, const char *lines, size_t n)
{
    const char *end = lines + n;

    tw_text_add(out, "{\"__metadata__\":{");
    for (int i = 0; i < N_KEYS && lines <= end; i++) {
        const char *stop = memchr(lines, '\n', (size_t)(end - lines));

        stop = stop ? stop : end;
        tw_text_add(out, "%s\"%s\":", i ? "," : "", keys[i]);
        add_string(out, lines, (size_t)(stop - lines));
        lines = stop + 1;
    }
    tw_text_add(out, "}");
}

/* The file around the input; caller frees. */
static uint8_t *make_file(size_t *n_out, const uint8_t *data, size_t n)
{
    static const float numbers[N_NUMBERS] = {1};
    tw_text header = {0};
    uint8_t *file;
    uint64_t n_header;
    int at = 0;

    add_metadata(&header, (const char *)data, n);
    for (int i = 0; i < N_TENSORS; at += tensors[i++].n)
        tw_text_add(&header, ",\"%s\":{\"dtype\":\"F32\",\"shape\":[%s],\"data_offsets\":[%d,%d]}",
                    tensors[i].name, tensors[i].shape, 4 * at, 4 * (at + tensors[i].n));
    tw_text_add(&header, "}");
    n_header = header.n;
    *n_out = sizeof n_header + header.n + sizeof numbers;
    file = malloc(*n_out);
    memcpy(file, &n_header, sizeof n_header);
    memcpy(file + sizeof n_header, header.text, header.n);
    memcpy(file + sizeof n_header + header.n, numbers, sizeof numbers);
    tw_text_free(&header);
    return file;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    size_t n_file;
    uint8_t *file = make_file(&n_file, data, n);
    const char *path = fuzz_file(file, n_file);
    tw_model *model;
    tw_error err = {TW_OK, ""};
    tw_status rc;

    fuzz_begin();
    if (!(rc = tw_model_open(&model, path, NULL, NULL, 0, &err))) {
        for (int i = 0; i < tw_model_layer_count(model); i++)
            fuzz_touch(tw_model_layer(model, i).name, strlen(tw_model_layer(model, i).name));
        rc = tw_model_check_weights(model, &err);
    }
    tw_model_free(model);
    fuzz_end(n_file, 0);
    fuzz_clean(rc, &err, path);
    free(file);
    return 0;
}
