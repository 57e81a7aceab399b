/*
 * How good a classifier is: accuracy with its interval, per-class figures, confusion, predictions.
 */
#ifndef TW_EVAL_H
#define TW_EVAL_H

#include <tw/data.h>
#include <tw/error.h>
#include <tw/feature.h>
#include <tw/infer.h>
#include <tw/model.h>

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tw_class_score {
    const char *name;  /* borrowed from the evaluation */
    int64_t support;   /* pictures with this label */
    int64_t predicted; /* pictures said to be this class */
    int64_t correct;
    double precision, recall, f1; /* NAN where the denominator is 0 */
    double f1_low, f1_high;       /* bootstrap interval, 95 %; NAN where F1 is */
} tw_class_score;

/* The answers whose probability lies in (i / 15, (i + 1) / 15]. */
enum { TW_CALIBRATION_BINS = 15 };
typedef struct tw_calibration_bin {
    int64_t n, correct;
    double confidence; /* sum of their probabilities */
} tw_calibration_bin;

typedef struct tw_evaluation {
    int64_t n;
    int n_classes;
    double loss;            /* mean categorical cross-entropy, from logits */
    double accuracy;        /* argmax equals label, first maximum wins */
    double low, high;       /* Wilson interval of the accuracy, 95 % */
    double macro_f1;        /* mean over the classes that have an F1 */
    double f1_low, f1_high; /* its bootstrap interval, 95 % */
    tw_calibration_bin bins[TW_CALIBRATION_BINS];
    double ece;              /* expected calibration error (Guo et al. 2017), 0..1 */
    double temperature;      /* of the model */
    int knows_pictures;      /* 1 where the model does (tw_model_knows_pictures); then */
    int64_t n_rejected;      /* so many are further away than its threshold */
    tw_class_score *classes; /* n_classes */
    int64_t *confusion;      /* (label, predicted), n_classes x n_classes */
    int64_t n_trunk; /* pictures that went through the trunk; the rest came from the cache */
    char **names;    /* class names; the struct owns them */
    double t_s;      /* seconds that tw_evaluate took */
} tw_evaluation;

/* Evaluates the classifier on the dataset and, unless csv_path is NULL, writes predictions.csv
 * (name,label,predicted,correct,probability of each class) atomically. Labels are matched to the
 * model's classes by name; a class that the model lacks is TW_EFILE listing both sets. Free the
 * result with tw_evaluation_free. Expected: as tw_extract. */
TW_MUST_CHECK tw_status tw_evaluate(tw_evaluation *out, const tw_model *model,
                                    const tw_dataset *dataset, const char *csv_path,
                                    const tw_compute *compute, const tw_cache_options *cache,
                                    const tw_watch *watch, tw_error *err);
void tw_evaluation_free(tw_evaluation *evaluation);

/* What tw_calibrate found; errors are expected calibration errors, as above. */
typedef struct tw_calibration {
    int64_t n;
    double temperature_before, ece_before, loss_before;
    double temperature, ece, loss;
    double threshold;   /* distance beyond which a picture is of none of the classes, 0 to 2 */
    int64_t n_rejected; /* of these pictures, by the model as it is now */
    int64_t n_trunk;
} tw_calibration;

/* Zero-filled means: the quantile 0.99, a new temperature, nothing written. */
typedef struct tw_calibrate_options {
    const char *path;       /* where the model is written, atomically; NULL: nowhere */
    double reject_quantile; /* share of known pictures that are not to be rejected, up to 1 */
    int keep_temperature;   /* 1: only what pictures look like is learned */
} tw_calibrate_options;

/* Finds the temperature by which the model's probabilities fit labelled pictures best (least
 * cross-entropy; Guo et al. 2017), which should not be those that it was trained on, and learns
 * what pictures of each class look like to the frozen part (docs/evaluation.md), for
 * tw_engine_judge. Both are the model's then; after an error it has what it had. The predicted
 * class of no picture changes. `how` may be NULL. Expected: as tw_evaluate, and TW_EFILE (pictures
 * that no temperature fits), TW_EUSAGE (a model that another framework's file was exported from can
 * be written, such a file cannot). */
TW_MUST_CHECK tw_status tw_calibrate(tw_calibration *out, tw_model *model,
                                     const tw_dataset *dataset, const tw_calibrate_options *how,
                                     const tw_compute *compute, const tw_cache_options *cache,
                                     const tw_watch *watch, tw_error *err);

/* Where a classifier looked (Grad-CAM, Selvaraju et al. 2017). Free with tw_explanation_free. */
typedef struct tw_explanation {
    int class_index;    /* the one that was asked about */
    int predicted;      /* the most probable one */
    double probability; /* of class_index */
    char layer[64];     /* whose activations the map is of */
    int height, width;  /* of them */
    float *map;         /* (height, width), 0 to 1; all 0 where nothing speaks for the class */
    double strongest;   /* what 1 in the map stands for: evidence in units of the logit */
    tw_picture seen;    /* the picture as the network sees it */
    tw_picture shown;   /* the same with the map over it */
} tw_explanation;

/* What of the picture speaks for class class_index (-1: the most probable one): the activations of
 * `layer` (NULL: the last convolution), each weighted by the mean gradient of the class's logit,
 * summed, negative sums left out. The layer's output must be (H,W,C) and all that follows a chain.
 * Expected: TW_EUSAGE (a layer or class that does not fit), TW_EBUDGET, TW_EUNSUPPORTED, TW_EFILE,
 * TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_explain(tw_explanation *out, const tw_model *model,
                                   const tw_picture *picture, const char *layer, int class_index,
                                   const tw_compute *compute, tw_error *err);
void tw_explanation_free(tw_explanation *explanation);

/* Wilson score interval for k successes of n at normal quantile z (1.959964 for 95 %); n = 0 gives
 * [0,1]. Source: Wilson 1927, Probable inference. */
void tw_wilson(double *low, double *high, int64_t k, int64_t n, double z);

#ifdef __cplusplus
}
#endif

#endif
