// SPDX-License-Identifier: BSL-1.0
// Everything that cuts models among ranks, moves them from one cut to another, and keeps them on disk. A header of its
// own, since a program that trains whole replicas needs no more than tutti.hpp.
#pragma once

#include <tutti/tutti.hpp>

#include <tutti/shard/replicate.hpp>
