/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * connect: the address is the kernel's own copy. It is refused here also after the process has
 * left its cgroup, and on loopback where the policy says so.
 */

#define IPPROTO_RAW_ 255

struct peer {
	__u8 address[16] __attribute__((aligned(8)));
	__u16 port;
	__u16 proto;
	__u32 known;
};

static __always_inline void peer_of(struct peer *peer, void *address)
{
	__u16 family = 0, port = 0;
	__be32 v4 = 0;

	peer->known = false;
	bpf_probe_read_kernel(&family, 2, address);
	bpf_probe_read_kernel(&port, 2, address + 2);
	peer->port = bpf_ntohs(port);
	if (family == AF_INET_) {
		bpf_probe_read_kernel(&v4, 4, address + 4);
		map_ipv4(peer->address, v4);
		peer->known = true;
	} else if (family == AF_INET6_) {
		peer->known = !bpf_probe_read_kernel(peer->address, 16, address + 8);
	}
}

__noinline int judge_peer(struct peer *peer)
{
	struct rp_flow_key flow = {};
	struct rp_policy *policy;
	struct decision decision;
	struct guard guard = {};
	__u16 proto;
	bool own;

	if (!peer)
		return 0;
	proto = peer->proto;
	own = is_own(peer->address);
	if (!enter(&guard))
		return 0;
	policy = bpf_map_lookup_elem(&policies, &guard.label);
	if (!policy || (own && !(policy->flags & RP_POLICY_LOOPBACK)))
		return 0;
	flow.label = guard.label;
	flow.proto = proto == IPPROTO_MPTCP_ ? IPPROTO_TCP__ : proto;
	flow.peer_port = peer->port;
	__builtin_memcpy(flow.peer, peer->address, 16);
	decision = decide(policy, RP_EGRESS, flow.proto, flow.peer_port, peer->address);
	/* No rule: loopback is the workload's own affair. */
	if (own && decision.rank == ~0U)
		return 0;
	if (policy->flags & RP_POLICY_QUARANTINE && !own)
		decision.verdict = RP_DENY;
	if (decision.verdict != RP_DENY)
		return 0;
	report_flow(&flow, policy, &decision, RP_EGRESS, RP_HOOK_LSM,
		    bpf_get_current_pid_tgid() >> 32);
	count(RP_COUNT_CONNECTS_DENIED);
	return DENY_ERROR;
}

SEC("lsm/socket_connect")
int BPF_PROG(lsm_socket_connect, struct socket *sock, void *address, int len)
{
	struct sock *sk = BPF_CORE_READ(sock, sk);
	struct peer peer = {};

	peer_of(&peer, address);
	peer.proto = BPF_CORE_READ(sk, sk_protocol);
	/* A UDP connect sends nothing: resolvers use it to choose a source address. */
	if (!peer.known || peer.proto == IPPROTO_UDP_)
		return 0;
	return judge_peer(&peer) ? DENY_ERROR : 0;
}
