/*
 * Weights as .npz: arrays "<layer>/kernel" and "<layer>/bias", as topwork and Keras lay them out.
 */
#include "export/export_int.h"

#include "base/fail.h"
#include "base/memory.h"
#include "format/npz_write.h"

tw_status tw_export__write_npz(const tw_model *model, const char *path, tw_error *err)
{
    tw_export__params params;
    tw_safetensors_entry *entries = NULL;
    tw_status rc = tw_export__list(&params, model, TW_EXPORT__AS_IS, err);

    if (rc != TW_OK)
        return rc;
    if (!(entries = tw_calloc((size_t)params.n, sizeof *entries))) {
        rc = tw_fail(err, TW_ENOMEM, "no memory to write %s", path);
        goto done;
    }
    for (int i = 0; i < params.n; i++) {
        const tw_export__param *p = &params.items[i];

        entries[i] = (tw_safetensors_entry){.name = p->name,
                                            .tensor = {p->param->view, TW_F32, p->shape},
                                            .mapped = p->param->mapped};
    }
    rc = tw_npz_write(path, entries, params.n, err);
done:
    tw_free(entries);
    tw_free(params.items);
    return rc;
}
