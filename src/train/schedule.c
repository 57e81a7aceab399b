/*
 * The learning rate over the steps of the main phase, as a multiplier of --lr. All but plateau are
 * functions of the step alone; plateau is told the loss after each epoch. --decay comes on top, in
 * the optimizer.
 *
 *     warm-up   (i + 1) / n_warm on the first steps, in front of every schedule but one-cycle
 *     step      factor^(epochs done / period), torch's StepLR
 *     cosine    (1 + cos(pi t)) / 2, t from 0 to 1 after the warm-up, torch's CosineAnnealingLR
 *     one-cycle torch's OneCycleLR with its defaults (30 % up from 1/25, down to 1/250,000, both by
 *               cosine); lr is its highest rate, and momentum stays as it is
 *     plateau   times factor after `patience` epochs without a lower loss (by 1e-4), Keras's
 *               ReduceLROnPlateau
 */
#include "train/train_int.h"

#include <math.h>

static const double pi = 3.14159265358979323846;

static tw_schedule_kind kind_of(const tw_config *config)
{
    static const char *const names[] = {"constant", "step", "cosine", "one-cycle", "plateau"};
    tw_schedule_kind kind = TW_CONSTANT;

    for (int i = 0; i <= TW_PLATEAU; i++)
        if (tw_train__is(config, TW_OPTION_SCHEDULE, names[i]))
            kind = (tw_schedule_kind)i;
    return kind;
}

void tw_train__schedule_create(tw_schedule *out, const tw_config *config, int64_t epoch_steps)
{
    int64_t epochs = tw_train__i64(config, TW_OPTION_EPOCHS);

    *out = (tw_schedule){.kind = kind_of(config),
                         .epoch_steps = epoch_steps,
                         .n_steps = epochs * epoch_steps,
                         .period = (epochs + 2) / 3,
                         .patience = tw_train__i64(config, TW_OPTION_LR_PATIENCE),
                         .factor = tw_train__f64(config, TW_OPTION_LR_FACTOR),
                         .plateau = {.best = (double)INFINITY, .factor = 1.0}};
    out->n_warm = (int64_t)llround(tw_train__f64(config, TW_OPTION_WARMUP) * (double)epoch_steps);
    if (tw_train__text(config, TW_OPTION_LR_STEP))
        out->period = tw_train__i64(config, TW_OPTION_LR_STEP);
}

/* From a to b as t goes from 0 to 1, along half a cosine. */
static double anneal(double a, double b, double t)
{
    return b + (a - b) / 2.0 * (1.0 + cos(pi * t));
}

static double one_cycle(const tw_schedule *schedule, int64_t i)
{
    const double low = 1.0 / 25.0, lowest = low / 1e4, share = 0.3;
    const double top = share * (double)schedule->n_steps - 1.0;
    const double end = (double)schedule->n_steps - 1.0;
    const double at = (double)i;

    if (at <= top)
        return anneal(low, 1.0, at / top);
    return anneal(1.0, lowest, (at - top) / (end - top));
}

static double after_warmup(const tw_schedule *schedule, int64_t i)
{
    const int64_t left = schedule->n_steps - schedule->n_warm;

    switch (schedule->kind) {
    case TW_STEP:
        return pow(schedule->factor, (double)(i / schedule->epoch_steps / schedule->period));
    case TW_COSINE:
        return left > 0 ? anneal(1.0, 0.0, (double)(i - schedule->n_warm) / (double)left) : 1.0;
    case TW_PLATEAU:
        return schedule->plateau.factor;
    default:
        return 1.0;
    }
}

double tw_train__schedule_factor(const tw_schedule *schedule, int64_t i)
{
    if (schedule->kind == TW_ONE_CYCLE)
        return one_cycle(schedule, i < schedule->n_steps ? i : schedule->n_steps - 1);
    if (i < schedule->n_warm)
        return (double)(i + 1) / (double)schedule->n_warm;
    return after_warmup(schedule, i);
}

void tw_train__schedule_see(tw_schedule *schedule, double loss)
{
    const double least = 1e-4;
    tw_plateau *plateau = &schedule->plateau;

    if (schedule->kind != TW_PLATEAU)
        return;
    if (loss < plateau->best - least) {
        plateau->best = loss;
        plateau->n_bad = 0;
    } else if (++plateau->n_bad >= schedule->patience) {
        plateau->factor *= schedule->factor;
        plateau->n_bad = 0;
    }
}
