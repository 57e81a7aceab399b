/* The whole public API of topwork. Programs include this; src/ includes single headers. */
#ifndef TW_TW_H
#define TW_TW_H

#include <tw/data.h>
#include <tw/error.h>
#include <tw/eval.h>
#include <tw/export.h>
#include <tw/feature.h>
#include <tw/fetch.h>
#include <tw/image.h>
#include <tw/infer.h>
#include <tw/model.h>
#include <tw/report.h>
#include <tw/tensor.h>
#include <tw/text.h>
#include <tw/train.h>
#include <tw/watch.h>

#endif
