// The default target: the GPU of this machine.
#pragma once

#include "compiler/support/device_table.h"

namespace cadenza {

/// The target for the first GPU that the driver shows. None: NoDevice, with the targets to choose from.
StatusOr<const DeviceTarget *> targetOfPresentGpu();

} // namespace cadenza
