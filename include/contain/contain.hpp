// The umbrella: every object a user needs. Compiles in under 4 s (checked by tests/checks).
#pragma once
#include "contain/container.hpp"
#include "contain/core/error.hpp"
#include "contain/doctor.hpp"
#include "contain/engine.hpp"
#include "contain/image.hpp"
#include "contain/process.hpp"
#include "contain/run.hpp"
#include "contain/version.hpp"
