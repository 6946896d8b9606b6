(** From descent to a rate: among K steps one is short. *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp.algebra_tactics Require Import ring.
From Tamis Require Import Space Descent.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(** If L falls by c times the move up to an error, and never below [floor], the moves add up to
    no more than what L can lose; so the least of them is at most the mean. *)
Section Rate.
Variables (R : realFieldType) (L move error : nat -> R) (c floor : R).
Hypothesis c_gt0 : 0 < c.
Hypothesis descent : forall k, L k.+1 <= L k - c * move k + error k.
Hypothesis bounded : forall k, floor <= L k.

Theorem moves_summable K :
  c * (\sum_(k < K) move k) <= L 0%N - floor + \sum_(k < K) error k.
Proof.
apply: le_trans (_ : L 0%N - L K + \sum_(k < K) error k <= _); last first.
  by rewrite ler_add2r ler_add2l ler_opp2 bounded.
elim: K => [|K IH]; first by rewrite !big_ord0 mulr0 subrr addr0.
rewrite !big_ord_recr /= mulrDr -subr_ge0; apply: slack2 (slack IH) (slack (descent K)) _.
by move: (\sum_(k < K) move k) (\sum_(k < K) error k) => m e; ring.
Qed.

Theorem rate K : (0 < K)%N -> exists2 k, (k < K)%N &
  move k <= (L 0%N - floor + \sum_(k < K) error k) / (c * K%:R).
Proof.
case: K => // K _; pose i0 : 'I_K.+1 := ord0.
case: (@Order.TotalTheory.arg_minP _ _ _ i0 xpredT (fun i : 'I_K.+1 => move i) erefl) => k _ least.
exists k => //; rewrite ler_pdivl_mulr ?mulr_gt0 ?ltr0n //.
apply: le_trans (moves_summable K.+1); rewrite mulrCA ler_pmul2l //.
have -> : move k * K.+1%:R = \sum_(i < K.+1) move k by rewrite big_const card_ord iter_addr_0 mulr_natr.
by apply: ler_sum => i _; apply: least.
Qed.
End Rate.

Section Bounds.
Variables (R : realFieldType) (V : lmodType R) (ip : inner V).
Notation sq := (sq ip).
Variables (f : V -> R) (grad : V -> V) (beta delta : R).
Hypothesis upper : bounded_above ip beta f grad.
Notation L := (lagrangian ip delta f).

(** The Lagrangian after a step is at least the loss at z, up to the dual's error. *)
Theorem lagrangian_above w z u e : beta < delta -> grad w + delta *: u = e ->
  f z - sq e / (2 * (delta - beta)) <= L w z u.
Proof.
move=> bd dual; have := upper w z; have s0 : 0 < delta - beta by rewrite subr_gt0.
have := young ip (w - z) e s0.
have gE : grad w = e - delta *: u by rewrite -dual addrK.
rewrite /lagrangian gE -(opprB w z) sqN dotNr; move: (w - z) => d.
rewrite (sqD _ d u) dotB dotZ (dotC _ e d) (dotC _ u d).
move: (f w) (f z) (sq d) (sq u) (dot ip d e) (dot ip d u) => fw fz D U P Q.
move=> /slack h1 /slack h2; rewrite -subr_ge0; apply: slack2 h1 h2 _.
by field; rewrite ?gt_eqF ?ltr0n.
Qed.

Corollary lagrangian_above_exact w z u : beta <= delta -> grad w + delta *: u = 0 ->
  f z <= L w z u.
Proof.
move=> bd dual; have := upper w z.
have gE : grad w = - (delta *: u) by rewrite -[LHS](addrK (delta *: u)) dual sub0r.
rewrite /lagrangian gE -(opprB w z) sqN dotNr dotN dotZ (dotC _ u); move: (w - z) => d.
rewrite (sqD _ d u); move: (f w) (f z) (sq d) (sq u) (dot ip d u) (sq_ge0 ip d) => fw fz D U Q D0.
have h0 : 0 <= (delta - beta) / 2 * D by rewrite mulr_ge0 // divr_ge0 ?ler0n ?subr_ge0.
move=> /slack h1; rewrite -subr_ge0; apply: slack2 h0 h1 _.
by field; rewrite ?ltr0n.
Qed.
End Bounds.

Section Sequences.
Variables (R : realFieldType) (V : lmodType R) (ip : inner V).
Notation sq := (sq ip).
Variables (f : V -> R) (grad : V -> V) (mu beta delta least : R).
Hypothesis delta_gt0 : 0 < delta.
Hypothesis convex : weakly_convex ip mu f grad.
Hypothesis smooth : lipschitz ip beta grad.
Hypothesis upper : bounded_above ip beta f grad.
Variables w z u e q : nat -> V.
Variable tau : nat -> R.
Notation L k := (lagrangian ip delta f (w k) (z k) (u k)).
Hypothesis above_least : forall k, least <= f (z k).
Hypothesis z_update : forall k, sq (w k - z k.+1 + u k) <= sq (w k - z k + u k) + tau k.
Hypothesis u_update : forall k, u k.+1 = u k + (w k.+1 - z k.+1) + q k.

(** Exact steps from a start with delta u = - grad f(w). *)
Theorem exact_rate K :
  let c := (delta - mu) / 2 - beta ^+ 2 / delta in
  (forall k, tau k = 0) -> (forall k, q k = 0) ->
  grad (w 0%N) + delta *: u 0%N = 0 ->
  (forall k, grad (w k.+1) + delta *: (w k.+1 - z k.+1 + u k) = 0) ->
  0 < c -> beta <= delta -> (0 < K)%N ->
  exists2 k, (k < K)%N & sq (w k.+1 - w k) <= (L 0 - least) / (c * K%:R).
Proof.
move=> c tau0 q0 start step c0 bd K0.
have dual k : grad (w k) + delta *: u k = 0.
  case: k => // k; rewrite u_update q0 addr0 [u k + _]addrC; apply: step.
have descent k : L k.+1 <= L k - c * sq (w k.+1 - w k) + 0.
  rewrite addr0; apply: (@exact_descent _ _ _ _ _ _ _ _ delta_gt0 convex smooth
    _ _ _ _ _ _ 0 0 0 (tau k)) => //.
  by rewrite u_update q0.
have bounded k : least <= L k.
  exact: le_trans (above_least k) (lagrangian_above_exact upper _ bd (dual k)).
have [k kK short] := rate c0 descent bounded K0; exists k => //.
by move: short; rewrite sumr_const mul0rn addr0.
Qed.

(** All errors. The residual of step k+1 is e (k+1) - delta q k; what it leaves in the dual is
    e (k+1). *)
Variables (eta t s most : R).
Hypotheses (eta_gt0 : 0 < eta) (t_gt0 : 0 < t) (s_gt0 : 0 < s).
Definition step_error k := delta / 2 * tau k + sq (e k.+1 - delta *: q k) / (2 * eta)
  + (1 + s) * (1 + t^-1) / delta * sq (e k.+1 - delta *: q k - e k) + delta / (4 * s) * sq (q k).

Theorem inexact_rate K :
  let c := (delta - mu) / 2 - ((1 + s) * (1 + t) * beta ^+ 2 / delta + eta / 2) in
  (forall k, grad (w k) + delta *: u k = e k) -> (forall k, sq (e k) <= most) ->
  0 < c -> beta < delta -> (0 < K)%N ->
  exists2 k, (k < K)%N & sq (w k.+1 - w k) <=
    (L 0 - (least - most / (2 * (delta - beta))) + \sum_(k < K) step_error k) / (c * K%:R).
Proof.
move=> c dual e_le c0 bd K0.
have step k : grad (w k.+1) + delta *: (w k.+1 - z k.+1 + u k) = e k.+1 - delta *: q k.
  rewrite -dual u_update [u k + _]addrC; move: (w k.+1 - z k.+1 + u k) => d.
  by rewrite scalerDr addrA addrK.
have descent k : L k.+1 <= L k - c * sq (w k.+1 - w k) + step_error k.
  have := @inexact_descent _ _ _ _ _ _ _ _ delta_gt0 convex smooth _ _ _ _ _ _ _ _ _ _ eta t s
    (z_update k) (step k) (u_update k) (dual k) eta_gt0 t_gt0 s_gt0.
  by rewrite -[- (c * _)]mulNr /c opprB.
have bounded k : least - most / (2 * (delta - beta)) <= L k.
  apply: le_trans (lagrangian_above upper _ bd (dual k)); apply: ler_sub (above_least k) _.
  by rewrite ler_wpmul2r // invr_ge0 mulr_ge0 ?ler0n // ltW // subr_gt0.
exact: (rate c0 descent bounded K0).
Qed.
End Sequences.
