/*
 * Gives a network a new top: train DATA MODEL RUN [OPTION VALUE]..., for example
 * train mnist vgg16 my-run weights vgg16_notop.h5 limit 1000 epochs 5
 *
 * cc train.c $(pkg-config --cflags --libs topwork) -o train
 */
#include <stdio.h>

#include <tw/tw.h>

static void on_event(void *ctx, const tw_event *event)
{
    (void)ctx;
    if (event->kind == TW_EVENT_EPOCH)
        printf("epoch %d: loss %.4f, validation accuracy %.4f\n", event->epoch, event->loss,
               event->val_accuracy);
    else if (event->kind == TW_EVENT_NOTE)
        printf("note: %s\n", event->text);
}

static tw_status configure(tw_config *config, int argc, char **argv, tw_error *err)
{
    static const char *const names[] = {"data", "model", "output"};
    tw_status rc = TW_OK;

    for (int i = 0; i < 3 && rc == TW_OK; i++)
        rc = tw_config_set(config, names[i], argv[1 + i], TW_FROM_FLAG, err);
    for (int i = 4; i + 1 < argc && rc == TW_OK; i += 2)
        rc = tw_config_set(config, argv[i], argv[i + 1], TW_FROM_FLAG, err);
    return rc;
}

int main(int argc, char **argv)
{
    tw_error err = {TW_OK, ""};
    tw_watch watch = {.on_event = on_event};
    tw_config *config = NULL;
    tw_training *training = NULL;
    tw_training_result result;
    tw_status rc = TW_EUSAGE;

    if (argc < 4) {
        fprintf(stderr, "usage: train DATA MODEL RUN [OPTION VALUE]...\n");
        return tw_status_exit_code(rc);
    }
    if (!(rc = tw_config_create(&config, &err)) && !(rc = configure(config, argc, argv, &err)) &&
        !(rc = tw_training_open(&training, config, &watch, &err)) &&
        !(rc = tw_training_run(training, &result, &watch, &err)))
        printf("the model of epoch %d is in %s\n", result.epoch, argv[3]);
    if (rc)
        fprintf(stderr, "train: %s\n", err.text);
    tw_training_free(training);
    tw_config_free(config);
    return tw_status_exit_code(rc);
}
