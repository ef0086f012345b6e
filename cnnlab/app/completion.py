"""Completion for bash, zsh and fish: the script that each shell reads.

It passes the words typed so far to ``cnnlab complete``, which ``start.py`` answers; Hydra's own
scripts cannot be used because they do not understand a subcommand.
"""

from typing import Literal

SCRIPTS = {
    "bash": """\
_cnnlab_complete() {
    local IFS=$'\\n' line="${COMP_LINE:0:COMP_POINT}" cut="" i
    local word="${line##* }"
    local -a typed
    IFS=' ' read -r -a typed <<< "$line"
    [[ -z "$word" ]] && typed+=("")
    # readline replaces only what follows the last = or :, so drop what stands before it; behind an
    # opening quotation mark it replaces all
    if [[ "$word" != [\\"\\']* && "$COMP_WORDBREAKS" == *"="* ]]; then
        cut="${word%"${word##*[=:]}"}"
    fi
    COMPREPLY=($(cnnlab complete -- "${typed[@]:1}" 2>/dev/null))
    for i in "${!COMPREPLY[@]}"; do
        COMPREPLY[i]="${COMPREPLY[i]#"$cut"}"
    done
    [[ ${#COMPREPLY[@]} -eq 1 && "${COMPREPLY[0]}" == *[=./] ]] && compopt -o nospace
    return 0
}
complete -o default -F _cnnlab_complete cnnlab""",
    "zsh": """\
_cnnlab_complete() {
    local -a found
    local typed=("${(@Q)words[2,CURRENT]}")
    found=("${(@f)$(cnnlab complete -- "${typed[@]}" 2>/dev/null)}")
    local -a begun=(${(M)found:#*[=./]}) finished=(${found:#*[=./]})
    compadd -S '' -a begun
    compadd -a finished
    [[ ${#found} -gt 1 || -n "${found[1]}" ]] || _files
}
compdef _cnnlab_complete cnnlab""",
    "fish": """\
function __cnnlab_complete
    set -l typed (commandline -opc) (commandline -ct)
    cnnlab complete -- $typed[2..-1] 2>/dev/null
end
complete -c cnnlab -f -a '(__cnnlab_complete)'""",
}


def script(shell: Literal["bash", "zsh", "fish"]) -> str:
    """The text that the shell must evaluate once, in its start-up file."""
    return SCRIPTS[shell]
