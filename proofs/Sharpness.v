(** Sharpness-aware steps: the gradient is taken a little way off, which is a bounded residual. *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp.algebra_tactics Require Import ring.
From Tamis Require Import Space Descent Rate.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Sharpness.
Variables (R : realFieldType) (V : lmodType R) (ip : inner V).
Notation sq := (sq ip).
Variables (f : V -> R) (grad : V -> V) (mu beta delta : R).
Hypothesis delta_gt0 : 0 < delta.
Hypothesis convex : weakly_convex ip mu f grad.
Hypothesis smooth : lipschitz ip beta grad.

(** |grad f(w + rho d) - grad f(w)| <= beta rho for a direction of length at most 1. *)
Theorem perturbed_gradient rho w d : sq d <= 1 ->
  sq (grad (w + rho *: d) - grad w) <= (beta * rho) ^+ 2.
Proof.
move=> d1; apply: le_trans (smooth w (w + rho *: d)) _.
by rewrite [w + _]addrC addrK sqZ mulrA -exprMn ler_pimulr ?sqr_ge0.
Qed.

(** A stationary point of the sharpness-aware step leaves a residual of at most beta rho. *)
Theorem sharpness_residual rho w d pull : sq d <= 1 -> grad (w + rho *: d) + pull = 0 ->
  sq (grad w + pull) <= (beta * rho) ^+ 2.
Proof.
move=> d1 step; apply: le_trans (perturbed_gradient rho w d1).
have -> : grad w + pull = - (grad (w + rho *: d) - grad w).
  by rewrite opprB -[grad (_ + _)](addrK pull) step sub0r opprK.
by rewrite sqN.
Qed.

Lemma sqB_le a b x y : sq a <= x -> sq b <= y -> sq (a - b) <= 2 * x + 2 * y.
Proof.
move=> ax by_; apply: le_trans (sqD_le ip a (- b) ltr01) _; rewrite invr1 sqN -[1 + 1]/(2 : R).
by rewrite ler_add // ler_pmul2l ?ltr0n.
Qed.

(** Descent up to the squares of the radii of this step and the one before. *)
Variables (w z u w' z' u' d d' : V) (rho rho' eta t s : R).
Hypothesis z_update : sq (w - z' + u) <= sq (w - z + u).
Hypothesis u_update : u' = u + (w' - z').
Hypotheses (length : sq d <= 1) (length' : sq d' <= 1).
Hypothesis w_update : grad (w' + rho' *: d') + delta *: (w' - z' + u) = 0.
Hypothesis previous : grad (w + rho *: d) + delta *: u = 0.
Hypotheses (eta_gt0 : 0 < eta) (t_gt0 : 0 < t) (s_gt0 : 0 < s).
Notation L := (lagrangian ip delta f).

Theorem sharpness_descent : L w' z' u' <= L w z u
    + ((1 + s) * (1 + t) * beta ^+ 2 / delta + eta / 2 - (delta - mu) / 2) * sq (w' - w)
    + ((beta * rho') ^+ 2 / (2 * eta)
       + (1 + s) * (1 + t^-1) / delta * (2 * (beta * rho') ^+ 2 + 2 * (beta * rho) ^+ 2)).
Proof.
have z0 : sq (w - z' + u) <= sq (w - z + u) + 0 by rewrite addr0.
have u0 : u' = u + (w' - z') + 0 by rewrite addr0.
have e'_le := sharpness_residual length' w_update.
have e_le := sharpness_residual length previous.
apply: le_trans (inexact_descent delta_gt0 convex smooth z0 erefl u0 erefl eta_gt0 t_gt0 s_gt0) _.
rewrite ler_add2l sq0 !mulr0 add0r addr0; apply: ler_add.
  by rewrite ler_pmul2r // invr_gt0 mulr_gt0 ?ltr0n.
apply: ler_wpmul2l; last exact: sqB_le.
by rewrite divr_ge0 ?mulr_ge0 ?addr_ge0 ?ler01 ?invr_ge0 // ltW.
Qed.
End Sharpness.

(** So among K steps the least move is at most a term in 1 / K plus a multiple of the largest
    squared radius; at most a term in 1 / K alone if the squared radii sum to no more than [most]. *)
Section Neighbourhood.
Variables (R : realFieldType) (L move rho : nat -> R) (c C floor most : R).
Hypotheses (c_gt0 : 0 < c) (C_ge0 : 0 <= C).
Hypothesis descent : forall k, L k.+1 <= L k - c * move k + C * (rho k.+1 ^+ 2 + rho k ^+ 2).
Hypothesis bounded : forall k, floor <= L k.

Theorem sharpness_neighbourhood K radius : (0 < K)%N -> (forall k, rho k ^+ 2 <= radius ^+ 2) ->
  exists2 k, (k < K)%N &
    move k <= (L 0%N - floor) / (c * K%:R) + 2 * C * radius ^+ 2 / c.
Proof.
move=> K0 small; have [k kK short] := rate c_gt0 descent bounded K0; exists k => //.
apply: le_trans short _; have cK : 0 < c * K%:R by rewrite mulr_gt0 ?ltr0n.
have sum_le : \sum_(k < K) C * (rho k.+1 ^+ 2 + rho k ^+ 2) <= \sum_(k < K) 2 * C * radius ^+ 2.
  apply: ler_sum => i _; rewrite (mulrC 2) -mulrA ler_wpmul2l // mulr_natl mulr2n.
  exact: ler_add.
rewrite mulrDl ler_add2l ler_pdivr_mulr //; apply: le_trans sum_le _.
rewrite big_const card_ord iter_addr_0 -mulr_natr le_eqVlt; apply/orP; left; apply/eqP.
by move: (radius ^+ 2) => r2; field; rewrite gt_eqF.
Qed.

Theorem sharpness_summable K : (0 < K)%N ->
  (forall K, \sum_(k < K) (rho k.+1 ^+ 2 + rho k ^+ 2) <= most) ->
  exists2 k, (k < K)%N & move k <= (L 0%N - floor + C * most) / (c * K%:R).
Proof.
move=> K0 total; have [k kK short] := rate c_gt0 descent bounded K0; exists k => //.
apply: le_trans short _; rewrite ler_pmul2r ?invr_gt0 ?mulr_gt0 ?ltr0n // ler_add2l.
by rewrite -mulr_sumr; apply: ler_wpmul2l => //; apply: total.
Qed.
End Neighbourhood.
