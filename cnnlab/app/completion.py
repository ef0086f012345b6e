"""Completion for bash, zsh and fish: our commands, and Hydra's overrides where they belong.

Each shell's script passes the words typed so far to ``cnnlab complete``; Hydra's own scripts
cannot be used because they do not understand a subcommand.
"""

from collections.abc import Sequence
from typing import Literal

SCRIPTS = {
    "bash": """\
_cnnlab_complete() {
    local IFS=$'\\n' word="${COMP_LINE:0:COMP_POINT}"
    word="${word##* }"
    local -a typed
    IFS=' ' read -r -a typed <<< "${COMP_LINE:0:COMP_POINT}"
    [[ -z "$word" ]] && typed+=("")
    COMPREPLY=($(cnnlab complete -- "${typed[@]:1}" 2>/dev/null))
    # readline replaces only what follows the last = or :, so drop what stands before it
    local cut="${word%"${word##*[=:]}"}" i
    [[ "$COMP_WORDBREAKS" == *"="* ]] && for i in "${!COMPREPLY[@]}"; do
        COMPREPLY[i]="${COMPREPLY[i]#"$cut"}"
    done
    [[ ${#COMPREPLY[@]} -eq 1 && "${COMPREPLY[0]}" == *[=.] ]] && compopt -o nospace
    return 0
}
complete -o default -F _cnnlab_complete cnnlab""",
    "zsh": """\
_cnnlab_complete() {
    local -a found
    found=("${(@f)$(cnnlab complete -- "${words[@]:1:$((CURRENT-1))}" 2>/dev/null)}")
    compadd -S '' -a found
    [[ ${#found} -gt 1 || -n "${found[1]}" ]] || _files
}
compdef _cnnlab_complete cnnlab""",
    "fish": """\
function __cnnlab_complete
    set -l typed (commandline -opc) (commandline -ct)
    cnnlab complete -- $typed[2..-1] 2>/dev/null
end
complete -c cnnlab -f -a '(__cnnlab_complete)'
complete -c cnnlab -n '__fish_seen_subcommand_from test compare runs tensorboard' -F""",
}


def script(shell: Literal["bash", "zsh", "fish"]) -> str:
    """The text that the shell must evaluate once, in its start-up file."""
    return SCRIPTS[shell]


def candidates(words: Sequence[str], commands: Sequence[str]) -> list[str]:
    """What the last of ``words`` (those after ``cnnlab``) can become."""
    last = words[-1] if words else ""
    if len(words) <= 1:
        return sorted(command for command in commands if command.startswith(last))
    if words[0] in ("train", "layers", "bench") and not last.startswith("-"):
        return _overrides(words[1:])
    return []


def _overrides(words: Sequence[str]) -> list[str]:
    from cnnlab.app.compose import register_configs
    from cnnlab.app.hydra_bridge import complete_overrides
    from cnnlab.app.overrides import CONF
    from cnnlab.discovery import discover

    discover()
    register_configs()
    line = " ".join(word for word in words if not word.startswith("-") or word == words[-1])
    return complete_overrides(str(CONF), line)
