// SPDX-License-Identifier: BSL-1.0
// All optimisers.
#pragma once

#include <tutti/train/adam.hpp>
#include <tutti/train/adamw.hpp>
#include <tutti/train/lars.hpp>
#include <tutti/train/sgd.hpp>
