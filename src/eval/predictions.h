/*
 * predictions.csv: one row a picture, written as the answers come, there whole or not at all.
 *
 *   name,label,predicted,correct,p_<class>,p_<class>,...
 */
#ifndef TW_EVAL_PREDICTIONS_H
#define TW_EVAL_PREDICTIONS_H

#include "base/text.h"

#include <tw/error.h>

typedef struct tw_predictions tw_predictions;

/* Starts the file with its header line; classes are borrowed. Caller frees, which without a commit
 * leaves path as it was. Expected: TW_EFILE, TW_EBUDGET (disk full), TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_predictions_create(tw_predictions **out, const char *path,
                                              char *const *classes, int n_classes, tw_error *err);
TW_MUST_CHECK tw_status tw_predictions_add(tw_predictions *predictions, const char *name, int label,
                                           int predicted, const float *probabilities,
                                           tw_error *err);
TW_MUST_CHECK tw_status tw_predictions_commit(tw_predictions *predictions, tw_error *err);
void tw_predictions_free(tw_predictions *predictions);

/* Adds one field of a CSV line (RFC 4180: quoted where it holds a comma, quote or line end). */
void tw_csv_add(tw_text *line, const char *field);

#endif
