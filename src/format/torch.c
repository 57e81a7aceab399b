/*
 * A state dict as named tensors: which dict of the file it is, its names, its numbers.
 *
 * Tensors point into the mapped file. One whose numbers do not lie in row-major order there
 * (channels_last, transposed) is copied once; all copies together are no larger than the file.
 * What is no tensor (epoch, optimizer, ...) is passed over, but for class names.
 */
#include "format/torch_int.h"

#include "base/fail.h"
#include "base/json.h"
#include "base/memory.h"
#include "tensor/tensor.h"

#include <stdlib.h>
#include <string.h>

/* Where checkpoints keep the state dict, the first that is there. */
static const char *const wrappers[] = {"state_dict", "model_state_dict", "model", "state_dict_ema",
                                       "model_ema"};
enum { N_WRAPPERS = sizeof wrappers / sizeof wrappers[0], MAX_COPIES = 4096 };

/* What an allocation takes beside its bytes, and what the JSON of a class's name takes for each
 * letter, at most. */
enum { BLOCK = 32, CLASS_BLOCK = 128, CLASS_LETTER = 32 };

size_t tw_format__torch_room(size_t n_file)
{
    enum { FREE_ROOM = 8 << 20 };

    return FREE_ROOM + n_file / 2;
}

static tw_status take_room(size_t *room, size_t n, const char *path, tw_error *err)
{
    if (n > *room)
        return tw_fail(err, TW_EFILE, "%s: more names than a file of its size may have", path);
    *room -= n;
    return TW_OK;
}

/* ---- storages */

static int compare_texts(const tw_pickle_text *a, const tw_pickle_text *b)
{
    const int order = memcmp(a->at, b->at, a->n < b->n ? a->n : b->n);

    return order ? order : (a->n > b->n) - (a->n < b->n);
}

static int compare_storages(const void *a, const void *b)
{
    const tw_pickle_value *const *x = a, *const *y = b;

    return compare_texts(&(*x)->storage.key, &(*y)->storage.key);
}

tw_status tw_format__torch_sort(const tw_pickle *pickle, const char *path, tw_error *err)
{
    if (pickle->n_storages > 0)
        qsort(pickle->storages, pickle->n_storages, sizeof *pickle->storages, compare_storages);
    for (size_t i = 1; i < pickle->n_storages; i++) {
        const tw_pickle_storage *a = &pickle->storages[i - 1]->storage,
                                *b = &pickle->storages[i]->storage;

        if (compare_texts(&a->key, &b->key) == 0 && (a->dtype != b->dtype || a->numel != b->numel))
            return tw_fail(err, TW_EFILE,
                           "%s: storage %.*s is %lld numbers of %s in one place, %lld of %s in "
                           "another",
                           path, (int)a->key.n, a->key.at, (long long)a->numel,
                           tw_dtype_name(a->dtype), (long long)b->numel, tw_dtype_name(b->dtype));
    }
    return TW_OK;
}

void tw_format__torch_find(size_t range[2], const tw_pickle *pickle, const tw_pickle_text *key)
{
    size_t low = 0, high = pickle->n_storages;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (compare_texts(&pickle->storages[middle]->storage.key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    range[0] = range[1] = low;
    while (range[1] < pickle->n_storages &&
           compare_texts(&pickle->storages[range[1]]->storage.key, key) == 0)
        range[1]++;
}

tw_status tw_format__torch_place(const tw_pickle *pickle, const size_t range[2],
                                 const uint8_t *data, int64_t n_bytes, const char *path,
                                 tw_error *err)
{
    const tw_pickle_storage *storage = &pickle->storages[range[0]]->storage;
    int64_t n;

    if (!tw_mul_i64(&n, storage->numel, (int64_t)tw_dtype_size(storage->dtype)) || n != n_bytes)
        return tw_fail(err, TW_EFILE, "%s: storage %.*s: %lld numbers of %s in %lld bytes", path,
                       (int)storage->key.n, storage->key.at, (long long)storage->numel,
                       tw_dtype_name(storage->dtype), (long long)n_bytes);
    for (size_t i = range[0]; i < range[1]; i++)
        pickle->storages[i]->storage.data = data;
    return TW_OK;
}

/* ---- numbers */

/* Whether they lie in row-major order without holes. */
static bool is_plain(const tw_pickle_tensor *tensor)
{
    int64_t step = 1;

    for (int i = tensor->shape.rank - 1; i >= 0; i--) {
        if (tensor->shape.dims[i] != 1 && tensor->strides[i] != step)
            return false;
        step *= tensor->shape.dims[i];
    }
    return true;
}

static bool is_same_view(const tw_pickle_tensor *a, const tw_pickle_tensor *b)
{
    return a->storage->storage.data == b->storage->storage.data && a->offset == b->offset &&
           tw_shape_equal(&a->shape, &b->shape) &&
           memcmp(a->strides, b->strides, (size_t)a->shape.rank * sizeof a->strides[0]) == 0;
}

/* The numbers of a view, one by one, in row-major order. */
static void gather(uint8_t *out, const tw_pickle_tensor *tensor, size_t size)
{
    const uint8_t *base = tensor->storage->storage.data + (size_t)tensor->offset * size;
    const tw_shape *shape = &tensor->shape;
    int64_t at[TW_MAX_RANK] = {0}, place = 0;

    for (int64_t left = tw_shape_size(shape); left > 0; left--, out += size) {
        memcpy(out, base + (size_t)place * size, size);
        for (int i = shape->rank - 1; i >= 0; i--) {
            place += tensor->strides[i];
            if (++at[i] < shape->dims[i])
                break;
            place -= at[i] * tensor->strides[i];
            at[i] = 0;
        }
    }
}

/* A run over the state dict, and what was copied so far. */
typedef struct taking {
    tw_weight_file *file;
    const tw_pickle_tensor *views[MAX_COPIES]; /* block i of the file has their numbers */
    size_t n_copied;                           /* bytes */
    size_t *room;
    tw_error *err;
} taking;

/* Copies of views that were met before are shared: tied weights stay one. */
static const void *find_copy(const taking *now, const tw_pickle_tensor *tensor)
{
    for (int i = 0; i < now->file->n_blocks; i++)
        if (is_same_view(now->views[i], tensor))
            return now->file->blocks[i];
    return NULL;
}

static tw_status copy_numbers(tw_named_tensor *out, taking *now, const tw_pickle_tensor *tensor)
{
    const size_t size = tw_dtype_size(out->tensor.dtype);
    const size_t n = (size_t)tw_shape_size(&tensor->shape) * size;
    void *block;
    tw_status rc;

    if ((out->tensor.data = find_copy(now, tensor)))
        return TW_OK;
    if (tw_shape_size(&tensor->shape) > tensor->storage->storage.view_numel)
        return tw_fail(now->err, TW_EFILE, "%s: %s: %lld numbers share a storage of %lld",
                       now->file->map.path, out->name, (long long)tw_shape_size(&tensor->shape),
                       (long long)tensor->storage->storage.view_numel);
    if (n > now->file->map.size - now->n_copied || now->file->n_blocks == MAX_COPIES)
        return tw_fail(now->err, TW_EFILE,
                       "%s: %s: too many tensors that are not in row-major order, %d so far",
                       now->file->map.path, out->name, now->file->n_blocks);
    if ((rc = tw_weight_file_add_block(&block, now->file, n, now->err)))
        return rc;
    now->views[now->file->n_blocks - 1] = tensor;
    gather(block, tensor, size);
    out->tensor.data = block;
    now->n_copied += n;
    return TW_OK;
}

/* ---- names */

static tw_status set_names(tw_named_tensor *out, const tw_pickle_text *key, const char *path,
                           tw_error *err)
{
    static const char parallel[] = "module."; /* DataParallel puts it before each name */
    const size_t n_skip =
        key->n > strlen(parallel) && memcmp(key->at, parallel, strlen(parallel)) == 0
            ? strlen(parallel)
            : 0;
    const size_t n = key->n - n_skip;
    char *dot;

    if (!(out->name = tw_malloc(n + 1)) || !(out->layer = tw_malloc(n + 1)))
        return tw_fail(err, TW_ENOMEM, "no memory for the names in %s", path);
    memcpy(out->name, key->at + n_skip, n);
    out->name[n] = '\0';
    memcpy(out->layer, out->name, n + 1);
    dot = strrchr(out->layer, '.');
    *(dot ? dot : out->layer) = '\0';
    return TW_OK;
}

static tw_status take_tensor(taking *now, const tw_pickle_value *key, const tw_pickle_value *value)
{
    const tw_pickle_tensor *tensor = &value->tensor;
    const tw_pickle_storage *storage = &tensor->storage->storage;
    tw_named_tensor *out = &now->file->tensors[now->file->n_tensors];
    tw_status rc;

    if (key->kind != TW_PICKLE_TEXT)
        return tw_fail(now->err, TW_EFILE, "%s: the name of a tensor is %s", now->file->map.path,
                       tw_pickle_kind_name(key->kind));
    now->file->n_tensors++;
    if ((rc = take_room(now->room, 2 * (key->text.n + BLOCK), now->file->map.path, now->err)) ||
        (rc = set_names(out, &key->text, now->file->map.path, now->err)))
        return rc;
    out->tensor.dtype = storage->dtype;
    out->tensor.shape = tensor->shape;
    if (!is_plain(tensor) && tw_shape_size(&tensor->shape) > 0)
        return copy_numbers(out, now, tensor);
    out->tensor.data = storage->data + (size_t)tensor->offset * tw_dtype_size(storage->dtype);
    return TW_OK;
}

static int compare_names(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;

    return strcmp(*x, *y);
}

static tw_status check_names(const tw_weight_file *file, tw_error *err)
{
    const size_t n = (size_t)file->n_tensors;
    const char **names = tw_calloc(n + 1, sizeof *names);
    tw_status rc = TW_OK;

    if (!names)
        return tw_fail(err, TW_ENOMEM, "no memory for the names in %s", file->map.path);
    for (size_t i = 0; i < n; i++)
        names[i] = file->tensors[i].name;
    qsort(names, n, sizeof *names, compare_names);
    for (size_t i = 1; i < n && rc == TW_OK; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            rc = tw_fail(err, TW_EFILE, "%s: %s is there twice", file->map.path, names[i]);
    tw_free(names);
    return rc;
}

/* ---- which dict it is */

static size_t count_tensors(const tw_pickle_value *dict)
{
    size_t n = 0;

    for (size_t i = 1; dict->kind == TW_PICKLE_DICT && i < dict->n; i += 2)
        n += dict->items[i]->kind == TW_PICKLE_TENSOR;
    return n;
}

static tw_status find_state_dict(const tw_pickle_value **out, const tw_pickle_value *root,
                                 const char *path, tw_error *err)
{
    const tw_pickle_value *inner;

    *out = root;
    if (root->kind != TW_PICKLE_DICT)
        return tw_fail(err, TW_EFILE, "%s: holds %s, not a state dict", path,
                       tw_pickle_kind_name(root->kind));
    if (count_tensors(root) > 0)
        return TW_OK;
    for (size_t i = 0; i < N_WRAPPERS; i++) {
        if (!(inner = tw_pickle_get(root, wrappers[i])) || count_tensors(inner) == 0)
            continue;
        *out = inner;
        return TW_OK;
    }
    return tw_fail(err, TW_EFILE,
                   "%s: no tensors, neither in the whole nor under state_dict, model_state_dict, "
                   "model, state_dict_ema or model_ema",
                   path);
}

/* ---- class names */

static tw_json *text_to_json(const tw_pickle_value *value)
{
    char *text = value->kind == TW_PICKLE_TEXT ? tw_malloc(value->text.n + 1) : NULL;
    tw_json *json;

    if (!text)
        return NULL;
    memcpy(text, value->text.at, value->text.n);
    text[value->text.n] = '\0';
    json = tw_json_new_string(text);
    tw_free(text);
    return json;
}

/* Fills names, n of them, from {"cat": 0, "dog": 1}; false where it is not of that kind. */
static bool sort_classes(const tw_pickle_value **names, size_t n, const tw_pickle_value *dict)
{
    for (size_t i = 0; i < n; i++) {
        const tw_pickle_value *name = dict->items[2 * i], *index = dict->items[2 * i + 1];

        if (name->kind != TW_PICKLE_TEXT || index->kind != TW_PICKLE_INT || index->integer < 0 ||
            index->integer >= (int64_t)n || names[index->integer])
            return false;
        names[index->integer] = name;
    }
    return true;
}

static bool list_classes(const tw_pickle_value **names, size_t n, const tw_pickle_value *list)
{
    for (size_t i = 0; i < n; i++)
        if ((names[i] = list->items[i])->kind != TW_PICKLE_TEXT)
            return false;
    return true;
}

/* The names as the metadata of a safetensors file has them: {"classes": "[\"cat\",\"dog\"]"}. */
static bool write_metadata(char **out, const tw_pickle_value *const *names, size_t n)
{
    tw_json *array = tw_json_new_array(), *metadata = tw_json_new_object();
    char *text = NULL;
    bool ok = array && metadata;

    for (size_t i = 0; ok && i < n; i++)
        ok = tw_json_append(array, text_to_json(names[i]));
    ok = ok && (text = tw_json_dump(array, 0)) &&
         tw_json_set(metadata, "classes", tw_json_new_string(text)) &&
         (*out = tw_json_dump(metadata, 0));
    tw_free(text);
    tw_json_free(array);
    tw_json_free(metadata);
    return ok;
}

/* `classes` or `class_to_idx` beside the state dict; anything else of these names is passed over.
 */
static tw_status take_classes(tw_weight_file *file, const tw_pickle_value *root, size_t *room,
                              tw_error *err)
{
    const tw_pickle_value *list = tw_pickle_get(root, "classes"),
                          *dict = tw_pickle_get(root, "class_to_idx");
    const bool is_list = list && (list->kind == TW_PICKLE_LIST || list->kind == TW_PICKLE_TUPLE);
    const bool is_dict = dict && dict->kind == TW_PICKLE_DICT;
    const size_t n = is_list ? list->n : is_dict ? dict->n / 2 : 0;
    const tw_pickle_value **names;
    bool ok = true;
    tw_status rc;

    if (n == 0)
        return TW_OK;
    if ((rc = take_room(room, n * sizeof *names, file->map.path, err)))
        return rc;
    if (!(names = tw_calloc(n, sizeof *names)))
        return tw_fail(err, TW_ENOMEM, "no memory for the classes of %s", file->map.path);
    if (is_list ? list_classes(names, n, list) : sort_classes(names, n, dict)) {
        for (size_t i = 0; i < n && rc == TW_OK; i++)
            rc =
                take_room(room, CLASS_LETTER * names[i]->text.n + CLASS_BLOCK, file->map.path, err);
        ok = rc || write_metadata(&file->metadata, names, n);
    }
    tw_free(names);
    if (rc)
        return rc;
    return ok ? TW_OK : tw_fail(err, TW_ENOMEM, "no memory for the classes of %s", file->map.path);
}

/* ---- all of it */

tw_status tw_format__torch_take(tw_weight_file *file, const tw_pickle *pickle, size_t *room,
                                tw_error *err)
{
    const tw_pickle_value *dict;
    taking *now = NULL;
    tw_status rc = find_state_dict(&dict, pickle->root, file->map.path, err);

    if (rc || (rc = take_room(room, count_tensors(dict) * (sizeof *file->tensors + sizeof(char *)),
                              file->map.path, err)))
        return rc;
    file->tensors = tw_calloc(count_tensors(dict), sizeof *file->tensors);
    if (!file->tensors || !(now = tw_calloc(1, sizeof *now)))
        return tw_fail(err, TW_ENOMEM, "no memory for the tensors of %s", file->map.path);
    now->file = file;
    now->room = room;
    now->err = err;
    for (size_t i = 0; i < dict->n && rc == TW_OK; i += 2)
        if (dict->items[i + 1]->kind == TW_PICKLE_TENSOR)
            rc = take_tensor(now, dict->items[i], dict->items[i + 1]);
    tw_free(now);
    if (rc == TW_OK && (rc = check_names(file, err)) == TW_OK)
        rc = take_classes(file, pickle->root, room, err);
    return rc;
}
