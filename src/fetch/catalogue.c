/*
 * The catalogue: one row a name, one row a file of it. Checksums are the publishers' own. Keras
 * states the MD5 of the weights and of the class index; torchvision and the publishers that of the
 * data. MNIST's are of the unpacked bytes: its mirrors pack anew, so that the packed ones differ.
 */
#include "base/fail.h"
#include "base/text.h"
#include "fetch/fetch_int.h"

#include <stdio.h>
#include <string.h>

enum { SLACK_SHARE = 16, SLACK_BYTES = 1 << 20 };

/* ---- files */

static const tw_fetch__file vgg16[] = {{.name = "vgg16_weights_tf_dim_ordering_tf_kernels.h5",
                                        .n_bytes = 553467096,
                                        .md5 = "64373286793e3c8b2b4e3219cbf3544b"}};
static const tw_fetch__file vgg16_notop[] = {
    {.name = "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
     .n_bytes = 58889256,
     .md5 = "6d6bbae143d832006294945121d1f1fc"}};
static const tw_fetch__file vgg19[] = {{.name = "vgg19_weights_tf_dim_ordering_tf_kernels.h5",
                                        .n_bytes = 574710816,
                                        .md5 = "cbe5617147190e668d6c5d5026f83318"}};
static const tw_fetch__file vgg19_notop[] = {
    {.name = "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5",
     .n_bytes = 80134624,
     .md5 = "253f8cb515780f3b799900260a226db6"}};
static const tw_fetch__file imagenet_classes[] = {{.name = "imagenet_class_index.json",
                                                   .n_bytes = 35363,
                                                   .md5 = "c2c37ea517e94d9795004a39431a14cb"}};

static const tw_fetch__file mnist[] = {
    {.name = "train-images-idx3-ubyte.gz",
     .n_bytes = 9912422,
     .md5 = "6bbc9ace898e44ae57da46a324031adb",
     .sha256 = "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
     .n_unpacked = 47040016},
    {.name = "train-labels-idx1-ubyte.gz",
     .n_bytes = 28881,
     .md5 = "a25bea736e30d166cdddb491f175f624",
     .sha256 = "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
     .n_unpacked = 60008},
    {.name = "t10k-images-idx3-ubyte.gz",
     .n_bytes = 1648877,
     .md5 = "2646ac647ad5339dbf082846283269ea",
     .sha256 = "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
     .n_unpacked = 7840016},
    {.name = "t10k-labels-idx1-ubyte.gz",
     .n_bytes = 4542,
     .md5 = "27ae3e4e09519cfbb04c329615203637",
     .sha256 = "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
     .n_unpacked = 10008},
};

static const tw_fetch__file fashion_mnist[] = {
    {.name = "train-images-idx3-ubyte.gz",
     .n_bytes = 26421880,
     .md5 = "8d4fb7e6c68d591d4c3dfef9ec88bf0d"},
    {.name = "train-labels-idx1-ubyte.gz",
     .n_bytes = 29515,
     .md5 = "25c81989df183df01b3e8a0aad5dffbe",
     .sha256 = "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"},
    {.name = "t10k-images-idx3-ubyte.gz",
     .n_bytes = 4422102,
     .md5 = "bef4ecab320f06d8554ea6380940ec79"},
    {.name = "t10k-labels-idx1-ubyte.gz",
     .n_bytes = 5148,
     .md5 = "bb300cfdad3c16e7a12a480ee83cd310",
     .sha256 = "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"},
};

static const tw_fetch__file kmnist[] = {
    {.name = "train-images-idx3-ubyte.gz",
     .n_bytes = 18165135,
     .md5 = "bdb82020997e1d708af4cf47b453dcf7"},
    {.name = "train-labels-idx1-ubyte.gz",
     .n_bytes = 29497,
     .md5 = "e144d726b3acfaa3e44228e80efcd344"},
    {.name = "t10k-images-idx3-ubyte.gz",
     .n_bytes = 3041136,
     .md5 = "5c965bf0a639b31b8f53240b1b52f4d7"},
    {.name = "t10k-labels-idx1-ubyte.gz",
     .n_bytes = 5120,
     .md5 = "7320c461ea6c1c855c0b718fb2a4b134"},
};

static const char *const fashion_classes[] = {"T-shirt/top", "Trouser",    "Pullover", "Dress",
                                              "Coat",        "Sandal",     "Shirt",    "Sneaker",
                                              "Bag",         "Ankle boot", NULL};
static const char *const kmnist_classes[] = {"o",  "ki", "su", "tsu", "na", "ha",
                                             "ma", "ya", "re", "wo",  NULL};

/* ---- where they are published: folders, the first is the usual one */

#define KERAS_VGG16 "https://storage.googleapis.com/tensorflow/keras-applications/vgg16/"
#define KERAS_VGG19 "https://storage.googleapis.com/tensorflow/keras-applications/vgg19/"
#define KERAS_OLD "https://github.com/fchollet/deep-learning-models/releases/download/v0.1/"
#define KERAS_DATA "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
#define TENSORFLOW "https://storage.googleapis.com/download.tensorflow.org/data/"
#define PYTORCH_MNIST "https://ossci-datasets.s3.amazonaws.com/mnist/"
#define FASHION "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
#define KMNIST "http://codh.rois.ac.jp/kmnist/dataset/kmnist/"

static const char *const vgg16_urls[] = {KERAS_VGG16, KERAS_OLD, NULL};
static const char *const vgg19_urls[] = {KERAS_VGG19, KERAS_OLD, NULL};
static const char *const imagenet_urls[] = {TENSORFLOW, NULL};
static const char *const mnist_urls[] = {PYTORCH_MNIST, NULL};
static const char *const fashion_urls[] = {FASHION, KERAS_DATA, NULL};
static const char *const kmnist_urls[] = {KMNIST, NULL};

/* ---- names: info, addresses, files */

static const tw_fetch__entry rows[] = {
    {{"vgg16", TW_FETCH_WEIGHTS, "CC BY (VGG, Oxford)", KERAS_VGG16, 1, 553467096, NULL},
     vgg16_urls,
     vgg16},
    {{"vgg16-notop", TW_FETCH_WEIGHTS, "CC BY (VGG, Oxford)", KERAS_VGG16, 1, 58889256, NULL},
     vgg16_urls,
     vgg16_notop},
    {{"vgg19", TW_FETCH_WEIGHTS, "CC BY (VGG, Oxford)", KERAS_VGG19, 1, 574710816, NULL},
     vgg19_urls,
     vgg19},
    {{"vgg19-notop", TW_FETCH_WEIGHTS, "CC BY (VGG, Oxford)", KERAS_VGG19, 1, 80134624, NULL},
     vgg19_urls,
     vgg19_notop},
    {{"imagenet-classes", TW_FETCH_OTHER, "none stated", TENSORFLOW, 1, 35363, NULL},
     imagenet_urls,
     imagenet_classes},
    {{"mnist", TW_FETCH_DATA, "CC BY-SA 3.0", PYTORCH_MNIST, 4, 11594722, NULL}, mnist_urls, mnist},
    {{"fashion-mnist", TW_FETCH_DATA, "MIT", FASHION, 4, 30878645, fashion_classes},
     fashion_urls,
     fashion_mnist},
    {{"kmnist", TW_FETCH_DATA, "CC BY-SA 4.0", KMNIST, 4, 21240888, kmnist_classes},
     kmnist_urls,
     kmnist},
};
enum { N_ROWS = sizeof rows / sizeof rows[0] };

const tw_fetch_info *tw_fetch_row(int i)
{
    return i >= 0 && i < N_ROWS ? &rows[i].info : NULL;
}

const tw_fetch__entry *tw_fetch__find(const char *name)
{
    for (int i = 0; i < N_ROWS; i++)
        if (strcmp(rows[i].info.name, name) == 0)
            return &rows[i];
    return NULL;
}

const tw_fetch_info *tw_fetch_find(const char *name)
{
    const tw_fetch__entry *entry = tw_fetch__find(name);

    return entry ? &entry->info : NULL;
}

/* What other rooms have inside and people ask for; those rooms lie above this one. */
static const char *const built_in[] = {"vgg16-mini", "digits"};
enum { N_BUILT_IN = sizeof built_in / sizeof built_in[0] };

tw_status tw_fetch__fail_unknown(const char *name, tw_error *err)
{
    const char *names[N_ROWS], *nearest;

    for (int i = 0; i < N_BUILT_IN; i++)
        if (strcmp(built_in[i], name) == 0)
            return tw_fail(err, TW_EUSAGE, "%s is built in, there is nothing to fetch", name);
    for (int i = 0; i < N_ROWS; i++)
        names[i] = rows[i].info.name;
    if ((nearest = tw_nearest_name(name, names, N_ROWS)))
        return tw_fail(err, TW_EUSAGE, "nothing to fetch is called \"%s\", did you mean \"%s\"",
                       name, nearest);
    return tw_fail(err, TW_EUSAGE,
                   "nothing to fetch is called \"%s\"; topwork fetch --list shows the names", name);
}

bool tw_fetch__plain_name(char *buf, size_t buf_size, const tw_fetch__file *file)
{
    snprintf(buf, buf_size, "%.*s", (int)(strlen(file->name) - strlen(".gz")), file->name);
    return file->n_unpacked > 0;
}

/* Mirrors may pack anew; nothing may be larger than unpacked. */
int64_t tw_fetch__limit(const tw_fetch__file *file)
{
    const int64_t most = file->n_unpacked > file->n_bytes ? file->n_unpacked : file->n_bytes;

    return most + most / SLACK_SHARE + SLACK_BYTES;
}
