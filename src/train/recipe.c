/*
 * What a recipe changes of the defaults, and which options have an effect beside the others. The
 * table's own defaults (options.def) are those of features. One that is given by flag and changes
 * nothing is refused by name; one from a file or the environment is passed over, and config.json
 * leaves it out.
 */
#include "train/train_int.h"

#include "base/fail.h"

#include <stdio.h>
#include <string.h>

/* ---- recipes */

/* What a recipe changes of the table's defaults, which are those of features. */
static const struct {
    const char *recipe;
    tw_option option;
    const char *value; /* NULL: unset, settled by the network */
} recipe_defaults[] = {
    {"finetune", TW_OPTION_CUT, NULL},
    {"finetune", TW_OPTION_TOP, ""},
    {"finetune", TW_OPTION_FREEZE_EPOCHS, "1"},
    {"finetune", TW_OPTION_BACKBONE_LR_MULT, "0.1"},
    {"finetune", TW_OPTION_EPOCHS, "10"},
    {"finetune", TW_OPTION_BATCH_SIZE, "16"},
    {"finetune", TW_OPTION_OPTIMIZER, "sgd"},
    {"finetune", TW_OPTION_LR, "0.0001"},
    {"finetune", TW_OPTION_MOMENTUM, "0.9"},
    {"finetune", TW_OPTION_NESTEROV, "true"},
    {"finetune", TW_OPTION_SCALE_FEATURES, "none"},
    {"finetune", TW_OPTION_MEMORY_LIMIT, "1300M"},
    {"scratch", TW_OPTION_CUT, NULL},
    {"scratch", TW_OPTION_TOP, "gap"},
    {"scratch", TW_OPTION_WEIGHTS, "random"},
    {"scratch", TW_OPTION_INIT_MISSING, "he_uniform"},
    {"scratch", TW_OPTION_BATCH_SIZE, "32"},
    {"scratch", TW_OPTION_MEMORY_LIMIT, "1300M"},
};

const char *tw_config_default(const char *recipe, int option)
{
    const size_t n = sizeof recipe_defaults / sizeof *recipe_defaults;

    for (size_t i = 0; i < n; i++)
        if ((int)recipe_defaults[i].option == option && !strcmp(recipe_defaults[i].recipe, recipe))
            return recipe_defaults[i].value;
    return tw_config_option(option) ? tw_config_option(option)->value : NULL;
}

/* And what L-BFGS changes of those of features: a top that is logistic regression. */
static const struct {
    tw_option option;
    const char *value;
} full_batch_defaults[] = {{TW_OPTION_TOP, ""}, {TW_OPTION_EPOCHS, "100"}};

static bool is_given(const tw_config *config, tw_option option)
{
    return tw_train__rank(config, option) != TW_FROM_DEFAULT;
}

/* Layers that are to stay frozen, and no recipe: all the rest is fine-tuned at once. */
static bool is_one_phase(const tw_config *config)
{
    return !is_given(config, TW_OPTION_RECIPE) &&
           (is_given(config, TW_OPTION_FREEZE) || is_given(config, TW_OPTION_UNFREEZE_FROM) ||
            is_given(config, TW_OPTION_FREEZE_ONLY));
}

static tw_status settle_option(tw_config *config, tw_option option, const char *value,
                               tw_error *err)
{
    if (is_given(config, option))
        return TW_OK;
    return tw_train__settle(config, option, value, err);
}

/* As if it had not been set; a flag stays, to be refused. */
static tw_status forget_option(tw_config *config, tw_option option, const char *value,
                               tw_error *err)
{
    if (tw_train__rank(config, option) == TW_FROM_FLAG)
        return TW_OK;
    return tw_train__settle(config, option, value, err);
}

/* What a file or the environment says for another recipe. */
static tw_status forget_other_recipes(tw_config *config, tw_error *err)
{
    static const tw_option of_finetune[] = {TW_OPTION_FREEZE_EPOCHS, TW_OPTION_BACKBONE_LR_MULT,
                                            TW_OPTION_LAYER_DECAY};
    tw_status rc = TW_OK;

    if (tw_train__is(config, TW_OPTION_RECIPE, "finetune"))
        return forget_option(config, TW_OPTION_SCALE_FEATURES, "none", err);
    for (size_t i = 0; i < sizeof of_finetune / sizeof *of_finetune && !rc; i++)
        rc = forget_option(config, of_finetune[i], tw_config_option((int)of_finetune[i])->value,
                           err);
    return rc;
}

/* The period becomes a number of its own, so that a longer run keeps it. */
static tw_status settle_step(tw_config *config, tw_error *err)
{
    char text[24];

    if (!tw_train__is(config, TW_OPTION_SCHEDULE, "step") ||
        tw_train__text(config, TW_OPTION_LR_STEP))
        return TW_OK;
    snprintf(text, sizeof text, "%lld",
             (long long)(tw_train__i64(config, TW_OPTION_EPOCHS) + 2) / 3);
    return tw_train__settle(config, TW_OPTION_LR_STEP, text, err);
}

tw_status tw_train__config_settle(tw_config *config, tw_error *err)
{
    const size_t n = sizeof recipe_defaults / sizeof *recipe_defaults;
    const size_t n_full = sizeof full_batch_defaults / sizeof *full_batch_defaults;
    const bool one_phase = is_one_phase(config);
    tw_status rc = TW_OK;

    if (one_phase)
        rc = tw_train__settle(config, TW_OPTION_RECIPE, "finetune", err);
    for (size_t i = 0; i < n && !rc; i++)
        if (tw_train__is(config, TW_OPTION_RECIPE, recipe_defaults[i].recipe))
            rc = settle_option(config, recipe_defaults[i].option, recipe_defaults[i].value, err);
    for (size_t i = 0; i < n_full && !rc && tw_train__is_full_batch(config); i++)
        rc =
            settle_option(config, full_batch_defaults[i].option, full_batch_defaults[i].value, err);
    if (!rc && one_phase && !(rc = settle_option(config, TW_OPTION_FREEZE_EPOCHS, "0", err)))
        rc = settle_option(config, TW_OPTION_BACKBONE_LR_MULT, "1", err);
    if (!rc)
        rc = settle_step(config, err);
    return rc ? rc : forget_other_recipes(config, err);
}

/* ---- what has an effect */

/* Why an option of fine-tuning changes nothing, NULL when it does. */
static const char *no_effect_of_freezing(const tw_config *config, tw_option option)
{
    if (!tw_train__is(config, TW_OPTION_RECIPE, "finetune"))
        return "with this recipe, it belongs to finetune";
    if (option == TW_OPTION_FREEZE && is_given(config, TW_OPTION_UNFREEZE_FROM))
        return "beside unfreeze-from";
    if (option == TW_OPTION_FREEZE_ONLY &&
        (is_given(config, TW_OPTION_FREEZE) || is_given(config, TW_OPTION_UNFREEZE_FROM)))
        return "beside freeze or unfreeze-from";
    return NULL;
}

static const char *no_effect_of_momentum(const tw_config *config)
{
    if (tw_train__is(config, TW_OPTION_OPTIMIZER, "sgd"))
        return NULL;
    if (tw_train__is_full_batch(config))
        return "with optimizer lbfgs";
    return tw_train__is(config, TW_OPTION_OPTIMIZER, "adam") ? "with optimizer adam"
                                                             : "with optimizer adamw";
}

/* Options that say how far a step goes. */
static bool is_of_steps(tw_option option)
{
    static const tw_option of_steps[] = {
        TW_OPTION_LR,      TW_OPTION_DECAY,  TW_OPTION_CLIP_NORM,   TW_OPTION_SCHEDULE,
        TW_OPTION_LR_STEP, TW_OPTION_WARMUP, TW_OPTION_LR_PATIENCE, TW_OPTION_LR_FACTOR,
    };

    for (size_t i = 0; i < sizeof of_steps / sizeof *of_steps; i++)
        if (of_steps[i] == option)
            return true;
    return false;
}

/* Options that belong to some schedules only. */
static const char *no_effect_of_schedule(const tw_config *config, tw_option option)
{
    bool step = tw_train__is(config, TW_OPTION_SCHEDULE, "step");
    bool plateau = tw_train__is(config, TW_OPTION_SCHEDULE, "plateau");

    if (option == TW_OPTION_LR_STEP)
        return step ? NULL : "without schedule step";
    if (option == TW_OPTION_LR_PATIENCE)
        return plateau ? NULL : "without schedule plateau";
    if (option == TW_OPTION_LR_FACTOR)
        return step || plateau ? NULL : "without schedule step or plateau";
    return tw_train__is(config, TW_OPTION_SCHEDULE, "one-cycle")
               ? "with schedule one-cycle, which has a warm-up of its own"
               : NULL;
}

static bool has_val(const tw_config *config, bool own_val)
{
    return own_val || tw_train__text(config, TW_OPTION_FOLD) ||
           tw_train__f64(config, TW_OPTION_VAL_SPLIT) > 0.0;
}

/* Why an option changes nothing beside the others, NULL when it does. */
const char *tw_train__no_effect(const tw_config *config, tw_option option, bool own_val)
{
    if (tw_train__is_full_batch(config) && is_of_steps(option))
        return "with optimizer lbfgs, which finds how far to go by itself";
    switch (option) {
    case TW_OPTION_FREEZE:
    case TW_OPTION_UNFREEZE_FROM:
    case TW_OPTION_FREEZE_ONLY:
    case TW_OPTION_FREEZE_EPOCHS:
    case TW_OPTION_BACKBONE_LR_MULT:
    case TW_OPTION_LAYER_DECAY:
        return no_effect_of_freezing(config, option);
    case TW_OPTION_SCALE_FEATURES:
        return tw_train__is(config, TW_OPTION_RECIPE, "finetune")
                   ? "with recipe finetune: the layers it begins with know their scale"
                   : NULL;
    case TW_OPTION_WEIGHTS:
        return tw_train__is(config, TW_OPTION_RECIPE, "scratch") &&
                       !tw_train__is(config, TW_OPTION_WEIGHTS, "random")
                   ? "with recipe scratch, which begins with random ones (recipe finetune with "
                     "freeze 0 begins with these)"
                   : NULL;
    case TW_OPTION_MOMENTUM:
        return no_effect_of_momentum(config);
    case TW_OPTION_NESTEROV:
        if (no_effect_of_momentum(config))
            return no_effect_of_momentum(config);
        return tw_train__f64(config, TW_OPTION_MOMENTUM) > 0.0 ? NULL : "without momentum";
    case TW_OPTION_CACHE_VIEWS:
        return tw_train__has_views(config) ? NULL : "without aug";
    case TW_OPTION_CACHE_DIR:
    case TW_OPTION_CACHE_BUDGET:
        return tw_train__is(config, TW_OPTION_CACHE, "off") ? "with cache off" : NULL;
    case TW_OPTION_ISA:
        return tw_train__is(config, TW_OPTION_BACKEND, "ref") ? "with backend ref" : NULL;
    case TW_OPTION_VAL_SPLIT:
        if (tw_train__text(config, TW_OPTION_FOLD))
            return "with fold";
        return own_val ? "on data with validation pictures of its own" : NULL;
    case TW_OPTION_SPLIT_SEED:
    case TW_OPTION_STRATIFY:
        if (own_val)
            return "on data with validation pictures of its own, unless val-split is given";
        return has_val(config, false) ? NULL : "with val-split 0";
    case TW_OPTION_SELECT:
    case TW_OPTION_PATIENCE:
        return has_val(config, own_val) ? NULL : "with val-split 0";
    case TW_OPTION_LR_STEP:
    case TW_OPTION_LR_FACTOR:
    case TW_OPTION_LR_PATIENCE:
    case TW_OPTION_WARMUP:
        return no_effect_of_schedule(config, option);
    default:
        return NULL;
    }
}

/* A learning rate that is still on its way up at the end has never been lr. */
static tw_status check_warmup(const tw_config *config, tw_error *err)
{
    if (tw_train__no_effect(config, TW_OPTION_WARMUP, false) ||
        tw_train__f64(config, TW_OPTION_WARMUP) <= (double)tw_train__i64(config, TW_OPTION_EPOCHS))
        return TW_OK;
    return tw_fail(err, TW_EUSAGE, "option warmup: %s epochs are more than the %s of the training",
                   tw_train__text(config, TW_OPTION_WARMUP),
                   tw_train__text(config, TW_OPTION_EPOCHS));
}

/* All pictures at once, as they are, are what L-BFGS goes by. */
static tw_status check_full_batch(const tw_config *config, tw_error *err)
{
    static const tw_option others[] = {TW_OPTION_AUG, TW_OPTION_MIXUP, TW_OPTION_CUTMIX,
                                       TW_OPTION_SAMPLER};

    if (!tw_train__is_full_batch(config))
        return TW_OK;
    if (!tw_train__is(config, TW_OPTION_RECIPE, "features"))
        return tw_fail(err, TW_EUSAGE, "optimizer lbfgs trains a new top alone: not with recipe %s",
                       tw_train__text(config, TW_OPTION_RECIPE));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (tw_train__text(config, others[i]))
            return tw_fail(err, TW_EUSAGE,
                           "optimizer lbfgs takes every picture once, as it is: not with option %s",
                           tw_config_option((int)others[i])->name);
    return TW_OK;
}

tw_status tw_train__config_check(const tw_config *config, bool own_val, tw_error *err)
{
    tw_status rc;

    for (int i = 0; i < TW_N_OPTION; i++) {
        const char *why;

        if (tw_train__rank(config, (tw_option)i) != TW_FROM_FLAG)
            continue;
        if ((why = tw_train__no_effect(config, (tw_option)i, own_val)))
            return tw_fail(err, TW_EUSAGE, "option %s has no effect %s", tw_config_option(i)->name,
                           why);
    }
    return (rc = check_full_batch(config, err)) ? rc : check_warmup(config, err);
}

tw_json *tw_train__config_json(const tw_config *config, bool own_val)
{
    tw_json *json = tw_json_new_object();

    for (int i = 0; json && i < TW_N_OPTION; i++) {
        const char *text = tw_train__text(config, (tw_option)i);

        if (!text || i == TW_OPTION_OUTPUT || i == TW_OPTION_OVERWRITE ||
            tw_train__no_effect(config, (tw_option)i, own_val))
            continue;
        if (!tw_json_set(json, tw_config_option(i)->name,
                         tw_train__value_json((tw_option)i, text))) {
            tw_json_free(json);
            return NULL;
        }
    }
    return json;
}
