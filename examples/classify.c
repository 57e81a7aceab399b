/*
 * Classifies pictures with a trained model: classify MODEL.safetensors PICTURE...
 *
 * cc classify.c $(pkg-config --cflags --libs topwork) -o classify
 */
#include <stdio.h>
#include <stdlib.h>

#include <tw/tw.h>

static int fail(const tw_error *err)
{
    fprintf(stderr, "classify: %s\n", err->text);
    return tw_status_exit_code(err->code);
}

int main(int argc, char **argv)
{
    tw_error err = {TW_OK, ""};
    tw_model *model = NULL;
    tw_engine *engine = NULL;
    float *probabilities = NULL;
    int rc = 2;

    if (argc < 3) {
        fprintf(stderr, "usage: classify MODEL.safetensors PICTURE...\n");
        return rc;
    }
    if (tw_model_open(&model, argv[1], NULL, NULL, 0, &err) ||
        tw_engine_create(&engine, model, NULL, NULL, &err)) {
        rc = fail(&err);
        goto done;
    }
    probabilities = calloc((size_t)tw_model_class_count(model), sizeof *probabilities);
    rc = probabilities ? 0 : 5;
    for (int i = 2; i < argc && rc == 0; i++) {
        tw_picture picture;
        int best = 0;
        if (tw_picture_read_for(&picture, argv[i], tw_model_contract(model), &err) ||
            tw_engine_predict(engine, &picture, 1, probabilities, &err)) {
            rc = fail(&err);
            break;
        }
        tw_picture_free(&picture);
        for (int k = 1; k < tw_model_class_count(model); k++)
            best = probabilities[k] > probabilities[best] ? k : best;
        printf("%s: %s (%.1f %%)\n", argv[i], tw_model_class_name(model, best),
               100 * (double)probabilities[best]);
    }
done:
    free(probabilities);
    tw_engine_free(engine);
    tw_model_free(model);
    return rc;
}
