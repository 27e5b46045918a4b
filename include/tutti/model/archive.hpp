// SPDX-License-Identifier: BSL-1.0
// The wire archive: encode and decode.
#pragma once

#include <tutti/model/decode.hpp>
#include <tutti/model/encode.hpp>
