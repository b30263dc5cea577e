/*
 * Scripts for sh(1) that units run before and after a container. In a script each statement is a line of its own here;
 * a unit takes them in one.
 */

const call = '"$busctl" call org.freedesktop.machine1';
const manager = '/org/freedesktop/machine1 org.freedesktop.machine1.Manager';
const machine = 'org.freedesktop.machine1.Machine';

const listMachines = `machines=$(${call} ${manager} ListMachines) || exit 1;`;

/**
 * `$owner` is the unit of the machine at the object path `$path`, as busctl(1) writes it, or `none`. That there is none
 * only the list of all says: what machined does not answer ends the script, with busctl's word in the journal.
 */
const findOwner = [
  `owner=$("$busctl" get-property org.freedesktop.machine1 "$path" ${machine} Unit 2>/dev/null) || {`,
  listMachines,
  'case "$machines" in *"\\"$path\\""*) echo "machined does not say whose $path is" >&2; exit 1 ;; esac;',
  'owner=none; };',
].join(' ');

/** A directory server that does not answer must not keep a boot for ever; in seconds, as long as a start of ours waits. */
const lookupSeconds = 60;

/**
 * Fails when an id of a range is an account's or a running machine's. Of accounts that is asked for the first id of each
 * slot and the last but one ({@link idsToLookUp}), all at once: a process for each would take long for a long range.
 * getent(1) ends with 2 when it does not find all of them.
 *
 * Words: getent, timeout, busctl, first id of the range, first id behind it.
 */
export const refuseForeignIds = [
  'getent=$1 timeout=$2 busctl=$3 first=$4 end=$5;',
  'foreign() { echo "ids from $first on are of $1 now; sdme start gives the container others" >&2; exit 1; };',
  // Machines first: their users can have names as accounts too (nss-mymachines(8)).
  listMachines,
  // A range that begins before ours and reaches into it, then those that begin in it.
  `for id in "$first" $((end - 2)); do if ${call} ${manager} MapToMachineUser u "$id" >/dev/null 2>&1;`,
  'then foreign "a running machine"; fi; done;',
  'for path in $machines; do case "$path" in *"/machine1/machine/"*) ;; *) continue ;; esac;',
  `path=\${path#?}; path=\${path%?};`,
  // It has none, or has ended by now.
  `base=$(${call} "$path" ${machine} GetUIDShift 2>/dev/null) || continue;`,
  `base=\${base#u };`,
  'if [ "$base" -ge "$first" ] && [ "$base" -lt "$end" ]; then foreign "a running machine"; fi; done;',
  'ids=$(id=$first; while [ "$id" -lt "$end" ]; do echo "$id $((id + 65534))"; id=$((id + 65536)); done);',
  'for accounts in passwd group; do',
  `found=$("$timeout" ${lookupSeconds} "$getent" "$accounts" $ids);`,
  'case $? in 0|2) ;; *) echo "cannot ask whose the ids from $first on are: $accounts does not answer" >&2; exit 1 ;; esac;',
  `[ -z "$found" ] || foreign "account \${found%%:*}"; done`,
].join(' ');

/** Fails while a machine of another unit has a container's name. Words: busctl, the machine's object path, our unit. */
export const refuseNamesake = [
  'busctl=$1 path=$2 unit=$3;',
  findOwner,
  'case "$owner" in none|"s \\"$unit\\"") ;;',
  `*) echo "a machine of this name runs in another unit, \${owner#s }; end it first" >&2; exit 1 ;; esac`,
].join(' ');

/**
 * Unmounts and unregisters what is left of a container's machine, but not of another unit's.
 * Words: busctl, the machine's object path, our unit, umount, where the mount is, the machine's name.
 */
export const clearOwn = [
  'busctl=$1 path=$2 unit=$3;',
  findOwner,
  'case "$owner" in none|"s \\"$unit\\"") ;; *) exit 0 ;; esac;',
  '"$4" --quiet "$5";',
  `${call} ${manager} UnregisterMachine s "$6"`,
].join(' ');
