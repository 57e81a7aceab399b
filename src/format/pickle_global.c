/*
 * What the few globals of a torch file mean: ordered dicts, sizes, storages, and the functions that
 * make a tensor of a storage. Every tensor is checked against its storage here, once.
 */
#include "base/fail.h"
#include "base/memory.h"
#include "format/pickle_int.h"
#include "tensor/tensor.h"

#include <string.h>

enum { STORAGE_ARGS = 5, TENSOR_ARGS = 4, TENSOR_V2_ARGS = 6, PARAMETER_ARGS = 3 };

typedef enum meaning { ORDERED_DICT, SIZE, STORAGE, TENSOR, TENSOR_V2, PARAMETER } meaning;

typedef struct global {
    const char *module, *name;
    meaning means;
    tw_dtype dtype; /* of a storage */
} global;

static const global globals[] = {
    {"collections", "OrderedDict", ORDERED_DICT, TW_F32},
    {"torch", "Size", SIZE, TW_F32},
    {"torch._utils", "_rebuild_tensor", TENSOR, TW_F32},
    {"torch._utils", "_rebuild_tensor_v2", TENSOR_V2, TW_F32},
    {"torch._utils", "_rebuild_parameter", PARAMETER, TW_F32},
    {"torch", "FloatStorage", STORAGE, TW_F32},
    {"torch", "DoubleStorage", STORAGE, TW_F64},
    {"torch", "HalfStorage", STORAGE, TW_F16},
    {"torch", "BFloat16Storage", STORAGE, TW_BF16},
    {"torch", "LongStorage", STORAGE, TW_I64},
    {"torch", "IntStorage", STORAGE, TW_I32},
    {"torch", "ShortStorage", STORAGE, TW_I16},
    {"torch", "CharStorage", STORAGE, TW_I8},
    {"torch", "ByteStorage", STORAGE, TW_U8},
    {"torch", "BoolStorage", STORAGE, TW_U8},
};

tw_status tw_format__pickle_global(tw_format__machine *m, tw_pickle_text module,
                                   tw_pickle_text name, tw_error *err)
{
    tw_pickle_value *value;
    tw_status rc;

    for (size_t i = 0; i < sizeof globals / sizeof globals[0]; i++) {
        if (!tw_pickle_text_is(&module, globals[i].module) ||
            !tw_pickle_text_is(&name, globals[i].name))
            continue;
        if ((rc = tw_format__pickle_push(&value, m, TW_PICKLE_GLOBAL, err)) == TW_OK)
            value->integer = (int64_t)i;
        return rc;
    }
    return tw_fail(err, TW_EFILE, "%s: torch file wants %.*s.%.*s: refused", m->name, (int)module.n,
                   module.at, (int)name.n, name.at);
}

/* ---- tensors */

static bool is_size(const tw_pickle_value *value)
{
    return value->kind == TW_PICKLE_INT && value->integer >= 0;
}

static bool is_sizes(const tw_pickle_value *value)
{
    bool ok = value->kind == TW_PICKLE_TUPLE && value->n <= TW_MAX_RANK;

    for (size_t i = 0; ok && i < value->n; i++)
        ok = is_size(value->items[i]);
    return ok;
}

/* Whether the last number that the tensor reaches lies in its storage. */
static bool fits(const tw_pickle_tensor *tensor)
{
    const tw_pickle_storage *storage = &tensor->storage->storage;
    int64_t last = tensor->offset, count, step;

    if (!tw_shape_count(&count, &tensor->shape))
        return false;
    for (int i = 0; i < tensor->shape.rank && count > 0; i++)
        if (!tw_mul_i64(&step, tensor->shape.dims[i] - 1, tensor->strides[i]) ||
            !tw_add_i64(&last, last, step))
            return false;
    return count > 0 ? last < storage->view_numel : last <= storage->view_numel;
}

/* args: storage, offset, sizes, strides, ... */
static tw_status make_tensor(tw_format__machine *m, const tw_pickle_value *args, tw_error *err)
{
    tw_pickle_value *value, *storage = args->items[0];
    const tw_pickle_value *offset = args->items[1], *sizes = args->items[2],
                          *strides = args->items[3];
    tw_status rc;

    if (storage->kind != TW_PICKLE_STORAGE)
        return tw_format__pickle_broken(m, err, "a tensor of %s",
                                        tw_pickle_kind_name(storage->kind));
    if (!is_size(offset))
        return tw_format__pickle_broken(m, err, "the offset of a tensor is no number >= 0");
    if (!is_sizes(sizes) || !is_sizes(strides) || sizes->n != strides->n)
        return tw_format__pickle_broken(
            m, err, "a tensor needs as many sizes as strides, at most %d, all >= 0",
            (int)TW_MAX_RANK);
    if ((rc = tw_format__pickle_push(&value, m, TW_PICKLE_TENSOR, err)))
        return rc;
    value->tensor = (tw_pickle_tensor){
        .storage = storage, .offset = offset->integer, .shape.rank = (int)sizes->n};
    for (size_t i = 0; i < sizes->n; i++) {
        value->tensor.shape.dims[i] = sizes->items[i]->integer;
        value->tensor.strides[i] = strides->items[i]->integer;
    }
    if (!fits(&value->tensor))
        return tw_format__pickle_broken(m, err,
                                        "a tensor reaches beyond its storage of %lld numbers",
                                        (long long)storage->storage.view_numel);
    value->tensor.offset += storage->storage.view_offset;
    return TW_OK;
}

/* A Parameter is its tensor. The tensor may be shared, so it is pushed as it is. */
static tw_status make_parameter(tw_format__machine *m, const tw_pickle_value *args, tw_error *err)
{
    tw_pickle_value *tensor = args->items[0];

    if (tensor->kind != TW_PICKLE_TENSOR)
        return tw_format__pickle_broken(m, err, "a parameter of %s",
                                        tw_pickle_kind_name(tensor->kind));
    m->stack[m->n_stack++] = tensor;
    return TW_OK;
}

/* ---- calls */

static tw_status fail_arguments(const tw_format__machine *m, const global *row, size_t n,
                                tw_error *err)
{
    return tw_format__pickle_broken(m, err, "%s.%s with %zu arguments", row->module, row->name, n);
}

/* torch.Size of a tuple of numbers is that tuple. */
static tw_status make_size(tw_format__machine *m, const tw_pickle_value *args, tw_error *err)
{
    if (args->n != 1 || !is_sizes(args->items[0]))
        return tw_format__pickle_broken(m, err, "torch.Size of no tuple of numbers >= 0");
    m->stack[m->n_stack++] = args->items[0];
    return TW_OK;
}

/* Of nothing, or of a list of pairs, which is what Python 2 wrote. */
static tw_status make_dict(tw_format__machine *m, const global *row, const tw_pickle_value *args,
                           tw_error *err)
{
    const tw_pickle_value *pairs = args->n > 0 ? args->items[0] : NULL, *pair;
    tw_pickle_value *dict;
    tw_status rc;

    if (args->n > 1 || (pairs && pairs->kind != TW_PICKLE_LIST))
        return fail_arguments(m, row, args->n, err);
    if ((rc = tw_format__pickle_push(&dict, m, TW_PICKLE_DICT, err)))
        return rc;
    for (size_t i = 0; pairs && i < pairs->n; i++) {
        pair = pairs->items[i];
        if ((pair->kind != TW_PICKLE_LIST && pair->kind != TW_PICKLE_TUPLE) || pair->n != 2)
            return tw_format__pickle_broken(m, err, "an ordered dict of %s",
                                            tw_pickle_kind_name(pair->kind));
        if ((rc = tw_format__pickle_set(m, dict, pair->items[0], pair->items[1], err)))
            return rc;
    }
    return TW_OK;
}

tw_status tw_format__pickle_apply(tw_format__machine *m, const tw_pickle_value *value,
                                  tw_pickle_value *args, bool is_class, tw_error *err)
{
    const global *row = &globals[value->integer];

    if (is_class && row->means != ORDERED_DICT && row->means != SIZE)
        return tw_format__pickle_broken(m, err, "an object of %s.%s", row->module, row->name);
    switch (row->means) {
    case ORDERED_DICT:
        return make_dict(m, row, args, err);
    case SIZE:
        return make_size(m, args, err);
    case TENSOR:
        return args->n == TENSOR_ARGS ? make_tensor(m, args, err)
                                      : fail_arguments(m, row, args->n, err);
    case TENSOR_V2: /* and one more where there is metadata */
        return args->n == TENSOR_V2_ARGS || args->n == TENSOR_V2_ARGS + 1
                   ? make_tensor(m, args, err)
                   : fail_arguments(m, row, args->n, err);
    case PARAMETER:
        return args->n == PARAMETER_ARGS ? make_parameter(m, args, err)
                                         : fail_arguments(m, row, args->n, err);
    case STORAGE:
        break;
    }
    return tw_format__pickle_broken(m, err, "%s.%s is called", row->module, row->name);
}

/* ---- storages */

static tw_status keep_storage(tw_format__machine *m, tw_pickle_value *value, tw_error *err)
{
    tw_pickle *out = m->out;
    const size_t capacity = m->storages_capacity ? 2 * m->storages_capacity : 64;
    tw_pickle_value **grown;
    tw_status rc;

    if (out->n_storages == m->storages_capacity) {
        if ((rc = tw_format__pickle_take_room(m, (capacity - m->storages_capacity) * sizeof *grown,
                                              err)))
            return rc;
        if (!(grown = tw_realloc(out->storages, capacity * sizeof *grown)))
            return tw_fail(err, TW_ENOMEM, "no memory for the pickle of %s", m->name);
        out->storages = grown;
        m->storages_capacity = capacity;
    }
    out->storages[out->n_storages++] = value;
    return TW_OK;
}

/* The part of the storage that is seen: None, or key, offset and size. */
static tw_status read_view(tw_format__machine *m, tw_pickle_storage *storage,
                           const tw_pickle_value *view, tw_error *err)
{
    int64_t end;

    storage->view_numel = storage->numel;
    if (view->kind == TW_PICKLE_NONE)
        return TW_OK;
    if (view->kind != TW_PICKLE_TUPLE || view->n != 3 || view->items[0]->kind != TW_PICKLE_TEXT ||
        !is_size(view->items[1]) || !is_size(view->items[2]))
        return tw_format__pickle_broken(m, err, "a view of a storage is key, offset and size");
    storage->view_offset = view->items[1]->integer;
    storage->view_numel = view->items[2]->integer;
    if (!tw_add_i64(&end, storage->view_offset, storage->view_numel) || end > storage->numel)
        return tw_format__pickle_broken(m, err, "a view reaches beyond its storage of %lld numbers",
                                        (long long)storage->numel);
    return TW_OK;
}

/* Whether the tuple is ('storage', class, key, place, numel[, view]). */
static bool is_storage(const tw_pickle_value *pid)
{
    return pid->kind == TW_PICKLE_TUPLE && (pid->n == STORAGE_ARGS || pid->n == STORAGE_ARGS + 1) &&
           pid->items[0]->kind == TW_PICKLE_TEXT &&
           tw_pickle_text_is(&pid->items[0]->text, "storage") &&
           pid->items[1]->kind == TW_PICKLE_GLOBAL && pid->items[2]->kind == TW_PICKLE_TEXT &&
           pid->items[3]->kind == TW_PICKLE_TEXT && is_size(pid->items[4]);
}

tw_status tw_format__pickle_storage(tw_format__machine *m, const tw_pickle_value *pid,
                                    tw_error *err)
{
    tw_pickle_value *value;
    const global *row;
    tw_status rc;

    if (!is_storage(pid))
        return tw_format__pickle_broken(
            m, err, "a persistent id is \"storage\", class, key, place and size");
    row = &globals[pid->items[1]->integer];
    if (row->means != STORAGE)
        return tw_format__pickle_broken(m, err, "a storage of %s.%s", row->module, row->name);
    if ((rc = tw_format__pickle_push(&value, m, TW_PICKLE_STORAGE, err)) ||
        (rc = keep_storage(m, value, err)))
        return rc;
    value->storage = (tw_pickle_storage){.key = pid->items[2]->text,
                                         .dtype = row->dtype,
                                         .numel = pid->items[4]->integer,
                                         .view_numel = pid->items[4]->integer};
    return pid->n > STORAGE_ARGS ? read_view(m, &value->storage, pid->items[5], err) : TW_OK;
}
