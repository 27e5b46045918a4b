// SPDX-License-Identifier: BSL-1.0
// Worlds on a virtual clock: the same programs and plans, with the network and the hosts of your choice, in one
// process. docs/simulation.md describes the model.
#pragma once

#include <tutti/group/simulated.hpp>
#include <tutti/plan/simulate.hpp>
#include <tutti/tutti.hpp>
