"""A command with a real control plane beside it: `python -m tests.controlplane COMMAND...`.

The command finds it by SERINUS_TEST_KUBECONFIG, and its kubectl on the PATH. It has controllers and the definitions of
Flagger, Istio and KEDA, and no node: that is what the sandbox is for. Its log files are kept when the command fails.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from handlers.sandbox.process import SandboxError
from tests.controlplane.control_plane import ADMIN, ControlPlane
from tests.controlplane.definitions import definitions
from tests.controlplane.programs import BuildError, build, path_with_kubectl


def main(command: list[str]) -> int:
    """The command's exit status, or 1 when there is no control plane to be had."""
    directory = Path(tempfile.mkdtemp(prefix="serinus-plane-"))
    try:
        build()
        with ControlPlane(directory) as plane:
            plane.install(*definitions("github.com/fluxcd/flagger", "istio.io/api", "github.com/kedacore/keda/v2"))
            environ = os.environ | {
                "SERINUS_TEST_KUBECONFIG": str(plane.kubeconfig(ADMIN)),
                "PATH": path_with_kubectl(),
            }
            status = subprocess.run(command, env=environ, check=False).returncode  # noqa: S603  the user's own command
    except (BuildError, SandboxError) as error:
        sys.stderr.write(f"{error}\n")
        status = 1
    if status:
        sys.stderr.write(f"logs of the control plane: {directory}\n")
    else:
        shutil.rmtree(directory)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
