/*
 * Records of a gzip file, inflated into a spool when the first of them is asked for, by whichever
 * thread comes first; the others wait. The file must be the one whose header was read: one that has
 * changed since is refused.
 */
#include "base/fail.h"
#include "base/memory.h"
#include "format/arrays_int.h"

#include <pthread.h>
#include <stdatomic.h>

enum { SKIP_MAX = 4 + 4 * TW_MAX_RANK };

struct tw_array_later {
    pthread_mutex_t mutex; /* held while inflating */
    atomic_bool is_there;  /* the spool is whole and stays so */
    tw_file_stamp stamp;   /* of the file whose header was read */
    int64_t n_skip, n_bytes;
    tw_file spool;
};

tw_status tw_format__later_create(tw_array_file *array, int64_t n_skip, int64_t n_bytes,
                                  tw_error *err)
{
    tw_array_later *later = tw_calloc(1, sizeof *later);
    tw_status rc;

    if (!later)
        return tw_fail(err, TW_ENOMEM, "%s: no memory to inflate it", array->name);
    if ((rc = tw_file_get_stamp(&later->stamp, &array->file, err))) {
        tw_free(later);
        return rc;
    }
    pthread_mutex_init(&later->mutex, NULL);
    later->n_skip = n_skip;
    later->n_bytes = n_bytes;
    later->spool.fd = -1;
    array->later = later;
    return TW_OK;
}

void tw_format__later_free(tw_array_later *later)
{
    if (!later)
        return;
    tw_file_close(&later->spool);
    pthread_mutex_destroy(&later->mutex);
    tw_free(later);
}

const tw_file *tw_format__later_spool(const tw_array_later *later)
{
    return &later->spool;
}

static tw_status check_stamp(const tw_array_file *array, tw_error *err)
{
    tw_file_stamp now;
    const tw_status rc = tw_file_get_stamp(&now, &array->file, err);

    if (rc || tw_file_stamp_equal(&now, &array->later->stamp))
        return rc;
    return tw_fail(err, TW_EFILE, "%s: has changed since it was opened", array->name);
}

static tw_status inflate(const tw_array_file *array, tw_error *err)
{
    tw_array_later *later = array->later;
    tw_format__inflater *z = NULL;
    tw_file spool = {.fd = -1};
    uint8_t head[SKIP_MAX];
    uint32_t crc;
    size_t got;
    tw_status rc;

    if ((rc = check_stamp(array, err)) ||
        (rc = tw_format__inflater_open(&z, &array->file, 0, array->file.size, TW_FORMAT__GZIP,
                                       array->name, err)) ||
        (rc = tw_format__inflater_read(z, head, (size_t)later->n_skip, &got, err)) ||
        (rc = tw_file_open_spool(&spool, array->name, err)) ||
        (rc = tw_format__spool(&spool, &crc, z, later->n_bytes, array->name, err)) ||
        (rc = check_stamp(array, err)))
        goto done;
    later->spool = spool;
    spool = (tw_file){.fd = -1}; /* ownership moved to the array */
    atomic_store(&later->is_there, true);
done:
    tw_format__inflater_close(z);
    tw_file_close(&spool);
    return rc;
}

tw_status tw_array_load(const tw_array_file *array, tw_error *err)
{
    tw_array_later *later = array->later;
    tw_status rc = TW_OK;

    if (!later || atomic_load(&later->is_there))
        return TW_OK;
    pthread_mutex_lock(&later->mutex);
    if (!atomic_load(&later->is_there))
        rc = inflate(array, err);
    pthread_mutex_unlock(&later->mutex);
    return rc;
}
