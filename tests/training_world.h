/*
 * Training in miniature: tiny models, sixty little pictures, a cache of its own, and runs of them
 * in a folder. What tests of training share. The models are tiny_model.h's, and a deeper one that
 * has layers to freeze in the middle:
 *
 *   0 input_1 -> 1 conv1 -> 2 pool1 -> 3 conv2 -> 4 pool2 -> 5 conv3 -> 6 flatten -> 7 fc -> 8 old
 */
#ifndef TW_TESTS_TRAINING_WORLD_H
#define TW_TESTS_TRAINING_WORLD_H

#include "tiny_model.h"

#include "train/train_int.h"

enum { N_TRAIN = 60, N_TEST = 20, MAX_OPTIONS = 12 };

typedef struct world {
    char *folder, *data, *pictures, *cache, *model, *deep;
    const char *network;         /* model or deep: what is trained */
    const char *const (*job)[2]; /* names and values that every configuration has */
    int n_job, n_runs;
} world;

static inline tw_graph *deep_graph(void)
{
    const tw_shape input = tw_shape_make(3, (int64_t[]){TINY_SIDE, TINY_SIDE, 3});
    const tw_node pool = {.op = TW_OP_MAX_POOL, .window = {2, 2}, .stride = {2, 2}};
    tw_node conv = {.op = TW_OP_CONV2D,
                    .units = 4,
                    .window = {3, 3},
                    .stride = {1, 1},
                    .padding = TW_SAME,
                    .activation = TW_RELU,
                    .initializer = TW_HE_NORMAL};
    tw_graph *graph;

    assert_ok(tw_graph_create(&graph, "input_1", &input, e));
    tiny_add(graph, conv, "conv1");
    tiny_add(graph, pool, "pool1");
    conv.units = 6;
    tiny_add(graph, conv, "conv2");
    tiny_add(graph, pool, "pool2");
    tiny_add(graph, conv, "conv3");
    tiny_add(graph, (tw_node){.op = TW_OP_FLATTEN}, "flatten");
    tiny_add(graph, (tw_node){.op = TW_OP_DENSE, .units = 8, .activation = TW_RELU}, "fc");
    tiny_add(graph, (tw_node){.op = TW_OP_DENSE, .units = 5, .activation = TW_SOFTMAX}, "old");
    return graph;
}

static inline char *deep_write_model(const char *folder)
{
    char *path = path_in(folder, "deep.safetensors");
    tw_model *model = tiny_model_of(deep_graph(), 2);

    assert_ok(tw_model_write(model, path, e));
    tw_model_free(model);
    return path;
}

/* A picture of a class in a class folder. */
static inline void write_picture(const char *pictures, const char *part, int i, uint32_t *noise)
{
    static const char *const classes[] = {"ant", "bee", "cat"};
    const int label = i % TINY_CLASSES;
    uint8_t pixels[TINY_PICTURE * TINY_PICTURE * 3], *p = pixels;
    const tw_picture picture = {TINY_PICTURE, TINY_PICTURE, 3, pixels};
    char path[512];

    for (int y = 0; y < TINY_PICTURE; y++)
        for (int x = 0; x < TINY_PICTURE; x++)
            for (int c = 0; c < 3; c++)
                *p++ = tiny_pixel(label, y, x, noise);
    snprintf(path, sizeof path, "%s/%s/%s", pictures, part, classes[label]);
    assert_ok(tw_folder_create(path, e));
    snprintf(path, sizeof path, "%s/%s/%s/%03d.png", pictures, part, classes[label], i);
    assert_ok(tw_picture_write_png(&picture, path, e));
}

/* A class folder's worth of pictures: train/ and val/ with ant, bee, cat. */
static inline void write_pictures_in(const char *pictures, const char *part, int n, uint32_t noise)
{
    for (int i = 0; i < n; i++)
        write_picture(pictures, part, i, &noise);
}

static inline void write_pictures(const world *w, const char *part, int n, uint32_t noise)
{
    write_pictures_in(w->pictures, part, n, noise);
}

/* The job of most tests. */
static const char *const tiny_job[][2] = {
    {"cut", "pool2"}, {"epochs", "4"},      {"batch-size", "7"}, {"top", "8 relu, dropout 0.25"},
    {"lr", "0.02"},   {"val-split", "0.3"},
};

static inline int open_world(void **state)
{
    world *w = calloc(1, sizeof *w);

    if (check_make_folder((void **)&w->folder))
        return -1;
    w->data = tiny_write_data(w->folder, N_TRAIN, N_TEST);
    w->pictures = path_in(w->folder, "pictures");
    w->cache = path_in(w->folder, "cache");
    w->model = tiny_write_model(w->folder);
    w->deep = deep_write_model(w->folder);
    w->network = w->model;
    w->job = tiny_job;
    w->n_job = (int)(sizeof tiny_job / sizeof *tiny_job);
    write_pictures(w, "train", 24, 5);
    write_pictures(w, "val", 9, 6);
    *state = w;
    return 0;
}

static inline int close_world(void **state)
{
    world *w = *state;

    check_remove_folder((void **)&w->folder);
    free(w->data);
    free(w->pictures);
    free(w->cache);
    free(w->model);
    free(w->deep);
    free(w);
    return 0;
}

/* With the deep network, and a job of its own. */
static inline int open_deep_world(void **state, const char *const (*job)[2], size_t n_job)
{
    world *w;

    if (open_world(state))
        return -1;
    w = *state;
    w->network = w->deep;
    w->job = job;
    w->n_job = (int)n_job;
    return 0;
}

/* The world's job in a run folder of its own; `more` holds n names and values that come on top. */
static inline tw_config *configure(world *w, const char *const (*more)[2], int n)
{
    char output[300];
    tw_config *config;

    snprintf(output, sizeof output, "%s/run-%d", w->folder, w->n_runs++);
    assert_ok(tw_config_create(&config, e));
    assert_ok(tw_config_set(config, "data", w->data, TW_FROM_FILE, e));
    assert_ok(tw_config_set(config, "model", w->network, TW_FROM_FILE, e));
    assert_ok(tw_config_set(config, "cache-dir", w->cache, TW_FROM_FILE, e));
    assert_ok(tw_config_set(config, "output", output, TW_FROM_FILE, e));
    for (int i = 0; i < w->n_job; i++)
        assert_ok(tw_config_set(config, w->job[i][0], w->job[i][1], TW_FROM_FILE, e));
    for (int i = 0; i < n; i++)
        assert_ok(tw_config_set(config, more[i][0], more[i][1], TW_FROM_FLAG, e));
    return config;
}

static inline tw_training *open_training(world *w, const char *const (*more)[2], int n)
{
    tw_config *config = configure(w, more, n);
    tw_training *training;

    assert_ok(tw_training_open(&training, config, NULL, e));
    tw_config_free(config);
    return training;
}

static inline void assert_refused(world *w, const char *const (*more)[2], int n, tw_status code,
                                  const char *sentence)
{
    tw_config *config = configure(w, more, n);
    tw_training *training;

    assert_fails(code, sentence, tw_training_open(&training, config, NULL, e));
    assert_null(training);
    tw_config_free(config);
}

static inline tw_status try_train(tw_training_result *result, const tw_config *config,
                                  const tw_watch *watch, tw_error *err)
{
    tw_training *training;
    tw_status rc = tw_training_open(&training, config, watch, err);

    if (rc)
        return rc;
    rc = tw_training_run(training, result, watch, err);
    tw_training_free(training);
    return rc;
}

/* Goes on with a run that is to have that many epochs, 0: as many as it was to have. */
static inline tw_status try_resume(tw_training **out, const char *run, int64_t epochs,
                                   const tw_watch *watch, tw_error *err)
{
    tw_config *changes;
    char text[24];
    tw_status rc;

    snprintf(text, sizeof text, "%lld", (long long)epochs);
    assert_ok(tw_config_create(&changes, e));
    if (epochs > 0)
        assert_ok(tw_config_set(changes, "epochs", text, TW_FROM_FLAG, e));
    rc = tw_training_resume(out, run, changes, watch, err);
    tw_config_free(changes);
    return rc;
}

/* Trains and gives back the run's folder; the caller frees it. */
static inline char *train(tw_training_result *result, world *w, const char *const (*more)[2], int n)
{
    tw_config *config = configure(w, more, n);
    char *output;

    assert_ok(try_train(result, config, NULL, e));
    output = strdup(tw_config_get(config, "output"));
    tw_config_free(config);
    return output;
}

#define OPTIONS(...) ((const char *const[][2]){__VA_ARGS__})

static inline char *read_file(size_t *n, const char *folder, const char *name)
{
    char *path = path_in(folder, name), *text = NULL;

    assert_ok(tw_file_read(&text, n, path, 1 << 24, e));
    free(path);
    return text;
}

/* Line `row` of history.csv as its figures. */
static inline void read_history(double figures[4], const char *run, int row)
{
    size_t n;
    char *text = read_file(&n, run, "history.csv"), *line = text;

    for (int i = 0; i < row; i++)
        line = strchr(line, '\n') + 1;
    assert_int_equal(
        sscanf(line, "%*d,%lf,%lf,%lf,%lf", &figures[0], &figures[1], &figures[2], &figures[3]), 4);
    tw_free(text);
}

static inline tw_model *open_saved(const char *run)
{
    char path[400];
    tw_model *model;

    assert_ok(tw_run_model_path(path, sizeof path, run, e));
    assert_ok(tw_model_open(&model, path, NULL, NULL, 0, e));
    return model;
}

static inline bool is_there(const char *folder, const char *name)
{
    char *path = path_in(folder, name);
    bool there = tw_path_exists(path);

    free(path);
    return there;
}

static inline void assert_same_file(const char *a, const char *b, const char *name)
{
    size_t n_a, n_b;
    char *text_a = read_file(&n_a, a, name), *text_b = read_file(&n_b, b, name);

    if (n_a != n_b || memcmp(text_a, text_b, n_a) != 0)
        fail_msg("%s differs between %s and %s", name, a, b);
    tw_free(text_a);
    tw_free(text_b);
}

static inline void assert_same_run(const char *a, const char *b)
{
    assert_same_file(a, b, "model.safetensors");
    assert_same_file(a, b, "history.csv");
    assert_same_file(a, b, "predictions.csv");
    assert_same_file(a, b, "split.csv");
}

#endif
