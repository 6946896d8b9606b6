(** Rounding what is kept enters the descent as a bounded error.

    A rounding has relative error [r] and absolute floor [a0]: |Q a - a| <= r |a| + a0. It may
    differ from entry to entry, as stochastic rounding does. *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp.algebra_tactics Require Import ring.
From Tamis Require Import Space Projection Descent.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Quantise.
Variables (R : realFieldType) (I T : finType).
Notation W := {ffun I -> R^o}.
Notation ip := (coordinates R I).
Notation sq := (sq ip).
Variables (r a0 : R) (Q : I -> R -> R).
Hypothesis zero : forall i, Q i 0 = 0.
Hypothesis near : forall i a, `|Q i a - a| <= r * `|a| + a0.
Definition rounded (v : W) : W := [ffun i => Q i (v i)].

(** What the rounding of a masked vector can cost. *)
Definition cost (A : {set I}) (v : W) : R := \sum_(i in A) (r * `|v i| + a0) ^+ 2.

Theorem rounding_error A (v : W) : sq (rounded (kept A v) - kept A v) <= cost A v.
Proof.
rewrite sq_coordinates (bigID (mem A)) /= [X in _ + X]big1 ?addr0 => [|i iA].
  apply: ler_sum => i iA; rewrite !ffunE /keep iA -[X in X <= _]real_normK ?num_real //.
  by rewrite ler_sqr ?nnegrE ?normr_ge0 ?near // (le_trans _ (near i (v i))).
by rewrite !ffunE /keep (negbTE iA) zero subrr expr0n.
Qed.

(** The error of rounding is orthogonal to that of projecting: they live on A and off it. *)
Theorem rounding_orthogonal A (v : W) :
  sq (v - rounded (kept A v)) = sq (v - kept A v) + sq (rounded (kept A v) - kept A v).
Proof.
rewrite !sq_coordinates -big_split; apply: eq_bigr => i _; rewrite !ffunE /keep.
by case: (i \in A); rewrite ?zero ?subrr ?expr0n /= ?add0r ?addr0 // -sqrrN opprB.
Qed.

(** So the rounded z is as good as any feasible point, up to the cost: the [tau] of theorem 5. *)
Theorem rounded_projection (A : {set I}) (g : I -> T) c (v y : W) :
  saturated g c A -> top g (fun i => v i ^+ 2) A -> feasible g c y ->
  sq (v - rounded (kept A v)) <= sq (v - y) + cost A v.
Proof.
move=> sat best feas; rewrite rounding_orthogonal.
exact: ler_add (kept_projection sat best feas) (rounding_error A v).
Qed.

(** A turn in the order z, w, u: z is rounded by Q, the dual by any rounding with error q. *)
Theorem rounded_descent (f : W -> R) (grad : W -> W) mu beta delta (A : {set I}) (g : I -> T) c
    (w z u w' e e' q : W) (eta t s : R) :
  0 < delta -> weakly_convex ip mu f grad -> lipschitz ip beta grad ->
  saturated g c A -> top g (fun i => (w + u) i ^+ 2) A -> feasible g c z ->
  let z' := rounded (kept A (w + u)) in let u' := u + (w' - z') + q in
  grad w' + delta *: (w' - z' + u) = e' -> grad w + delta *: u = e ->
  0 < eta -> 0 < t -> 0 < s ->
  lagrangian ip delta f w' z' u' <= lagrangian ip delta f w z u
    + ((1 + s) * (1 + t) * beta ^+ 2 / delta + eta / 2 - (delta - mu) / 2) * sq (w' - w)
    + (delta / 2 * cost A (w + u) + sq e' / (2 * eta)
       + (1 + s) * (1 + t^-1) / delta * sq (e' - e) + delta / (4 * s) * sq q).
Proof.
move=> d0 wc sm sat best feas z' u' step prev eta0 t0 s0.
apply: (inexact_descent d0 wc sm _ step _ prev) => //.
have := rounded_projection sat best feas.
by rewrite [w - z' + u]addrAC [w - z + u]addrAC.
Qed.
End Quantise.

(** Stochastic rounding to one of two neighbours, a with probability 1 - p and b with p, is right
    in the mean, and its variance is that of the distances. *)
Section Stochastic.
Variables (R : realFieldType) (x a b : R).
Hypothesis ab : a < b.
Definition up : R := (x - a) / (b - a).
Definition mean (h : R -> R) : R := (1 - up) * h a + up * h b.

Theorem stochastic_mean : mean (fun y => y) = x.
Proof. by rewrite /mean /up; field; rewrite subr_eq0 gt_eqF. Qed.

Theorem stochastic_variance : mean (fun y => (y - x) ^+ 2) = (b - x) * (x - a).
Proof. by rewrite /mean /up; field; rewrite subr_eq0 gt_eqF. Qed.

Theorem stochastic_probability : a <= x -> x <= b -> 0 <= up <= 1.
Proof.
move=> ax xb; have ba0 : 0 < b - a by rewrite subr_gt0.
apply/andP; split; first by rewrite /up divr_ge0 ?subr_ge0 // ltW.
by rewrite /up ler_pdivr_mulr // mul1r ler_add2r.
Qed.
End Stochastic.
