/*
 * A made-up run: the files that train would have left, with numbers that are easy to check by hand,
 * and a folder of little pictures. Tests change what they are about and write the file again.
 */
#ifndef TW_TESTS_RUN_MAKER_H
#define TW_TESTS_RUN_MAKER_H

#include "make_files.h"

#include "base/file.h"
#include "base/memory.h"

#include <tw/image.h>
#include <tw/report.h>

typedef struct run_maker {
    char *folder, *run, *data;
} run_maker;

static const char *const maker_config =
    "{\"data\":\"%s\",\"model\":\"vgg16\",\"weights\":\"my weights.h5\",\"recipe\":\"features\","
    "\"cut\":\"block5_pool\",\"top\":\"32 relu\",\"epochs\":3,\"batch-size\":128,\"optimizer\":"
    "\"sgd\",\"lr\":0.01,\"momentum\":0.9,\"nesterov\":true,\"decay\":0.0,\"scale-features\":"
    "\"auto\",\"select\":\"best\",\"seed\":42,\"val-split\":0.2,\"split-seed\":42,\"stratify\":"
    "false,\"precision\":\"fp32\",\"cache\":\"auto\",\"memory-limit\":\"512M\",\"backend\":\"cpu\","
    "\"isa\":\"auto\"}\n";

static const char maker_log[] =
    "{\"time\":\"2026-11-24T08:00:00Z\",\"event\":\"start\",\"version\":\"0.1.0\",\"data\":\"class "
    "folders, 40 pictures, 3 classes\",\"split\":\"32 training and 8 validation pictures\","
    "\"model\":\"vgg16, cut after block5_pool\",\"compute\":\"backend cpu\",\"optimizer\":\"SGD, "
    "learning rate 0.01\",\"cache\":\"all in the cache\"}\n"
    "{\"time\":\"2026-11-24T08:00:00Z\",\"event\":\"plan\",\"training_pictures\":32,"
    "\"validation_pictures\":8,\"trained_parameters\":803,\"memory_extract\":474000000,"
    "\"memory_train\":130000000,\"memory_limit\":536870912,\"disk_cache\":31000000,"
    "\"disk_run\":1111111,\"t_extract_s\":16.04,\"t_train_s\":1.12,\"layers\":[{\"index\":0,"
    "\"name\":\"input_1\",\"type\":\"InputLayer\",\"output\":[224,224,3],\"parameters\":0,"
    "\"multiply_adds\":0,\"trained\":false},{\"index\":1,\"name\":\"block1_conv1\",\"type\":"
    "\"Conv2D\",\"output\":[224,224,64],\"parameters\":1792,\"multiply_adds\":86704128,"
    "\"trained\":false},{\"index\":2,\"name\":\"predictions\",\"type\":\"Dense\",\"output\":[3],"
    "\"parameters\":803,\"multiply_adds\":800,\"trained\":true}]}\n"
    "{\"time\":\"t\",\"event\":\"phase\",\"phase\":\"prepare\",\"t_s\":1.25,\"pictures\":0,"
    "\"through_trunk\":0,\"memory_peak\":112000000}\n"
    "{\"time\":\"t\",\"event\":\"features\",\"through_trunk\":40,\"scale\":8,\"t_s\":3.5}\n"
    "{\"time\":\"t\",\"event\":\"phase\",\"phase\":\"features\",\"t_s\":71.5,\"pictures\":40,"
    "\"through_trunk\":40,\"memory_peak\":481000000}\n"
    "{\"time\":\"t\",\"event\":\"note\",\"text\":\"no training picture of class <zebra>\"}\n"
    "{\"time\":\"t\",\"event\":\"phase\",\"phase\":\"train\",\"t_s\":2.25,\"pictures\":96,"
    "\"through_trunk\":0,\"memory_peak\":482000000}\n"
    "{\"time\":\"t\",\"event\":\"predictions\",\"by\":\"train\",\"part\":\"val\",\"data\":"
    "\"nowhere\","
    "\"limit\":null,\"pictures\":8,\"correct\":5,\"loss\":0.8125}\n"
    "{\"time\":\"t\",\"event\":\"end\",\"epoch\":2,\"val_accuracy\":0.625,\"through_trunk\":40}\n";

static const char maker_history[] = "epoch,loss,accuracy,val_loss,val_accuracy\n"
                                    "1,1.5,0.40625,1.25,0.375\n"
                                    "2,0.9375,0.65625,0.8125,0.625\n"
                                    "3,0.71875,0.71875,0.84375,0.625\n";

static const char maker_split[] = "name,label,split\n"
                                  "train/ant/0.png,ant,train\n"
                                  "train/ant/1.png,ant,train\n"
                                  "train/bee/0.png,bee,train\n"
                                  "val/ant/0.png,ant,val\n";

/* ant 3 pictures (2 right), bee 3 (2 right), cat 2 (1 right). */
static const char maker_predictions[] = "name,label,predicted,correct,p_ant,p_bee,p_cat\n"
                                        "val/ant/0.png,ant,ant,1,0.9375,0.03125,0.03125\n"
                                        "val/ant/1.png,ant,bee,0,0.25,0.625,0.125\n"
                                        "val/ant/2.png,ant,ant,1,0.75,0.125,0.125\n"
                                        "val/bee/0.png,bee,bee,1,0.125,0.8125,0.0625\n"
                                        "val/bee/1.png,bee,ant,0,0.984375,0.0078125,0.0078125\n"
                                        "val/bee/2.png,bee,bee,1,0.25,0.5,0.25\n"
                                        "val/cat/0.png,cat,cat,1,0.125,0.25,0.625\n"
                                        "val/cat/1.png,cat,bee,0,0.0625,0.875,0.0625\n";

static inline void maker_write(const run_maker *maker, const char *name, const char *text)
{
    char *path = path_in(maker->run, name);

    assert_ok(tw_file_write(path, text, strlen(text), e));
    free(path);
}

static inline void maker_remove(const run_maker *maker, const char *name)
{
    char *path = path_in(maker->run, name);

    assert_ok(tw_file_remove(path, e));
    free(path);
}

/* The caller frees with tw_free. */
static inline char *maker_read(const run_maker *maker, const char *name)
{
    char *path = path_in(maker->run, name), *text;
    size_t n;

    assert_ok(tw_file_read(&text, &n, path, 1 << 26, e));
    free(path);
    return text;
}

static inline void maker_picture(const run_maker *maker, const char *part, const char *class_name,
                                 int number)
{
    uint8_t pixels[10 * 12 * 3];
    const tw_picture picture = {10, 12, 3, pixels};
    char path[512];

    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * 7 + (size_t)number * 31);
    snprintf(path, sizeof path, "%s/%s/%s", maker->data, part, class_name);
    assert_ok(tw_folder_create(path, e));
    snprintf(path, sizeof path, "%s/%s/%s/%d.png", maker->data, part, class_name, number);
    assert_ok(tw_picture_write_png(&picture, path, e));
}

static inline void maker_write_config(const run_maker *maker, const char *data)
{
    char text[2048];

    snprintf(text, sizeof text, maker_config, data);
    maker_write(maker, "config.json", text);
}

/* The whole run as above, any other file removed. */
static inline void maker_reset(const run_maker *maker)
{
    assert_ok(tw_folder_create(maker->run, e));
    maker_write_config(maker, maker->data);
    maker_write(maker, "log.jsonl", maker_log);
    maker_write(maker, "history.csv", maker_history);
    maker_write(maker, "split.csv", maker_split);
    maker_write(maker, "predictions.csv", maker_predictions);
    maker_remove(maker, "report.html");
    maker_remove(maker, "report.json");
}

static inline int maker_open(void **state)
{
    static const char *const classes[] = {"ant", "bee", "cat"};
    run_maker *maker = calloc(1, sizeof *maker);

    if (check_make_folder((void **)&maker->folder))
        return -1;
    maker->run = path_in(maker->folder, "run");
    maker->data = path_in(maker->folder, "data");
    for (int c = 0; c < 3; c++) {
        maker_picture(maker, "train", classes[c], 0);
        for (int i = 0; i < 3; i++)
            maker_picture(maker, "val", classes[c], i);
    }
    *state = maker;
    return 0;
}

static inline int maker_close(void **state)
{
    run_maker *maker = *state;

    check_remove_folder((void **)&maker->folder);
    free(maker->run);
    free(maker->data);
    free(maker);
    return 0;
}

#endif
