/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A descriptor of a map is asked for. */

SEC("lsm/bpf_map")
int BPF_PROG(lsm_bpf_map, struct bpf_map *map, unsigned int mode)
{
	return own_checked(BPF_CORE_READ(map, id)) ? DENY_ERROR : 0;
}
