/* The n-th allocation fails while weights are read: no crash, no leak, the right code, nothing
 * handed out. */
#include "base/memory.h"
#include "base/sys.h"
#include "format/weights.h"

#include "check.h"

#include <errno.h>

enum { MANY = 3000 };

static void each_allocation_may_fail(void **state)
{
    static const char *const names[] = {
        "keras1_vgg.h5", "keras2_model.h5",      "parts.h5",        "k3_bfloat16.weights.h5",
        "weights.npz",   "weights_deflated.npz", "k3_nested.keras", "unnamed.keras"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[512];
        long nth = 0;
        tw_status rc;
        snprintf(path, sizeof path, "%s/h5/%s", TW_TEST_DATA, names[i]);
        do {
            tw_error err = {TW_OK, ""};
            tw_weight_file file;
            assert_true(++nth < MANY);
            tw_sys_fail_nth(TW_SYS_MEMORY, nth, 0, ENOMEM);
            rc = tw_weight_file_open(&file, path, &err);
            tw_sys_fail_nth(TW_SYS_MEMORY, 0, 0, 0);
            if (rc == TW_OK) {
                tw_weight_file_close(&file);
                continue;
            }
            assert_string_equal(tw_status_name(rc), tw_status_name(TW_ENOMEM));
            assert_true(err.text[0]);
            assert_null(file.tensors);
            assert_null(file.map.data);
        } while (rc);
        assert_true(nth > 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_allocation_may_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
