#include "api/cli/table/completion.h"

namespace mayfly::cli {
namespace {

// All three ask `mayfly complete` what the last word can go on with (FormatCandidates()).

// Bash cuts words at '=' and ':', too, and replaces the last piece only: the words are put together
// again where nothing stood between the pieces, and candidates are cut as bash has cut the word.
// `$2` is that last piece; of "--kernel=", it is "".
constexpr std::string_view kBash =
    R"script(# bash completion of mayfly: source <(mayfly completion bash)
_mayfly() {
  local line=$COMP_LINE words=() index piece kind text help path
  for ((index = 0; index <= COMP_CWORD; index++)); do
    piece=${COMP_WORDS[index]}
    if ((index == 0)) || [[ $line == [[:space:]]* ]] || [[ -z $line ]]; then
      words+=("$piece")
      line=${line#"${line%%[![:space:]]*}"}
    else
      words[-1]+=$piece
    fi
    line=${line#"$piece"}
  done
  local current=${words[-1]} cut
  cut=$((${#current} - ${#2}))
  COMPREPLY=()
  while IFS=$'\t' read -r kind text help; do
    case $kind in
      word | part)
        [[ $kind == word ]] || compopt -o nospace
        COMPREPLY+=("${text:cut}")
        ;;
      files)
        compopt -o filenames
        while IFS= read -r path; do
          path=$text$path
          COMPREPLY+=("${path:cut}")
        done < <(compgen -f -- "${current:${#text}}")
        ;;
    esac
  done < <("${words[0]}" complete -- "${words[@]:1}" 2>/dev/null)
}
complete -F _mayfly mayfly
)script";

constexpr std::string_view kZsh = R"script(#compdef mayfly
# zsh completion of mayfly: source <(mayfly completion zsh), behind compinit
_mayfly() {
  local kind text help files prefix
  local -a whole begun
  while IFS=$'\t' read -r kind text help; do
    case $kind in
      word) whole+=("${text//:/\\:}:$help") ;;
      part) begun+=("${text//:/\\:}:$help") ;;
      files) files=1 prefix=$text ;;
    esac
  done < <("${(Q)words[1]}" complete -- "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)
  (($#whole)) && _describe mayfly whole
  (($#begun)) && _describe mayfly begun -S ''
  [[ -n $files ]] && compset -P "${(b)prefix}"
  [[ -n $files ]] && _files
}
compdef _mayfly mayfly
)script";

constexpr std::string_view kFish = R"script(# fish completion of mayfly
function __mayfly_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    for line in ($words[1] complete -- $words[2..-1] "$current" 2>/dev/null)
        set -l fields (string split \t -- $line)
        switch $fields[1]
            case word part
                printf '%s\t%s\n' $fields[2] $fields[3]
            case files
                set -l rest (string sub -s (math 1 + (string length -- "$fields[2]")) -- "$current")
                for path in (__fish_complete_path $rest)
                    printf '%s%s\n' $fields[2] $path
                end
        end
    end
end
complete -c mayfly -f -a '(__mayfly_complete)'
)script";

}  // namespace

std::string_view CompletionScript(std::string_view shell) {
  if (shell == "bash") return kBash;
  if (shell == "zsh") return kZsh;
  if (shell == "fish") return kFish;
  return {};
}

}  // namespace mayfly::cli
