// SPDX-License-Identifier: BSL-1.0
// All ways to send fewer bytes of a gradient.
#pragma once

#include <tutti/train/compress_direct.hpp>
#include <tutti/train/compress_low_rank.hpp>
#include <tutti/train/compress_sparse.hpp>
#include <tutti/train/compressed.hpp>
