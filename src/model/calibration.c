/*
 * The temperature of a calibrated model as JSON and back: {"temperature": 1.37}. It is required and
 * nothing else is known, so that a file which asks for something newer is refused.
 */
#include "model/model.h"

#include "base/fail.h"

#include <math.h>
#include <string.h>

static bool is_temperature(double value)
{
    return value >= TW_TEMPERATURE_LEAST && value <= TW_TEMPERATURE_MOST;
}

tw_json *tw_calibration_to_json(const tw_model *model)
{
    tw_json *o = tw_json_new_object();

    if (tw_json_set(o, "temperature", tw_json_new_f64(model->temperature)))
        return o;
    tw_json_free(o);
    return NULL;
}

tw_status tw_calibration_from_json(double *temperature, const tw_json *json, const char *name,
                                   tw_error *err)
{
    const tw_json *value;
    const char *key;
    void *it = NULL;

    if (!tw_json_is_object(json))
        return tw_fail(err, TW_EFILE, "%s: calibration: must be an object", name);
    while ((it = tw_json_next(json, it, &key, &value)))
        if (strcmp(key, "temperature") != 0)
            return tw_fail(err, TW_EFILE, "%s: calibration: unknown key \"%s\"", name, key);
    if (!tw_json_f64(temperature, tw_json_get(json, "temperature")) ||
        !is_temperature(*temperature))
        return tw_fail(err, TW_EFILE,
                       "%s: calibration: \"temperature\" must be a number from %g to %g", name,
                       TW_TEMPERATURE_LEAST, TW_TEMPERATURE_MOST);
    return TW_OK;
}

double tw_model_temperature(const tw_model *model)
{
    return model->temperature;
}

tw_status tw_model_set_temperature(tw_model *model, double temperature, tw_error *err)
{
    if (!is_temperature(temperature))
        return tw_fail(err, TW_EUSAGE, "a temperature is a number from %g to %g, got %g",
                       TW_TEMPERATURE_LEAST, TW_TEMPERATURE_MOST, temperature);
    model->temperature = round(temperature * 1e6) / 1e6; /* what JSON gives back as it is */
    return TW_OK;
}
