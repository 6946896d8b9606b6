(** One tensor and a mask hold both z and u, if the dual moves right after the projection.

    In the order w, z, u the sum v = w + u is cut in two: z = v on the mask, u' = v off it.
    That is algebra: it holds for ANY mask, in any step length, whatever the loss. *)
From mathcomp Require Import all_ssreflect all_algebra.
From Tamis Require Import Projection.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Packing.
Variables (R : realDomainType) (I : finType) (A : {set I}) (w u : I -> R).
Let v i := w i + u i.
Let z := keep A v.
Let u' i := w i + u i - z i.

Lemma z_off i : i \notin A -> z i = 0.
Proof. by rewrite /z /keep => /negbTE ->. Qed.
Lemma u_on i : i \in A -> u' i = 0.
Proof. by rewrite /u' /z /keep => ->; rewrite subrr. Qed.
Lemma z_on i : i \in A -> z i = v i.
Proof. by rewrite /z /keep => ->. Qed.
Lemma u_off i : i \notin A -> u' i = v i.
Proof. by move=> iA; rewrite /u' z_off // subr0. Qed.

Theorem packing_disjoint : [disjoint supp z & supp u'].
Proof.
rewrite -setI_eq0; apply/eqP/setP => i; rewrite !inE.
by have [iA | iA] := boolP (i \in A); rewrite ?(u_on iA) ?(z_off iA) eqxx ?andbF.
Qed.

(** The mask and the sum give both back. *)
Theorem packing_recovers i :
  let s := z i + u' i in
  z i = (if i \in A then s else 0) /\ u' i = (if i \in A then 0 else s).
Proof.
by have [iA | iA] := boolP (i \in A); rewrite /= ?(u_on iA) ?(z_off iA) ?addr0 ?add0r.
Qed.

(** So do the mask and the difference, the point that w is drawn to, which the code keeps. *)
Theorem packing_target i :
  let t := z i - u' i in
  z i = (if i \in A then t else 0) /\ u' i = (if i \in A then 0 else - t).
Proof.
by have [iA | iA] := boolP (i \in A);
  rewrite /= ?(u_on iA) ?(z_off iA) ?subr0 ?sub0r ?opprK.
Qed.

(** A change of penalty rescales the multiplier by any factor and keeps this. *)
Theorem packing_rescaled (a : R) : [disjoint supp z & supp (fun i => a * u' i)].
Proof.
apply: disjointWr packing_disjoint; apply/subsetP => i; rewrite !inE.
by apply: contraNneq => ->; rewrite mulr0.
Qed.

(** Rounding, any function that leaves zero alone, may differ from entry to entry (as stochastic
    rounding does). It keeps this if u' is computed before z is rounded. *)
Section Rounding.
Variable Q : I -> R -> R.

Theorem packing_rounded : (forall i, Q i 0 = 0) -> forall i,
  let qz := Q i (z i) in let qu := Q i (u' i) in let s := qz + qu in
  [/\ s = Q i (v i), qz = (if i \in A then s else 0) & qu = (if i \in A then 0 else s)].
Proof.
move=> Q0 i; have [iA | iA] := boolP (i \in A) => /=.
  by rewrite (u_on iA) (z_on iA) Q0 addr0.
by rewrite (z_off iA) (u_off iA) Q0 add0r.
Qed.

(** If u' is computed from the rounded z, it is what rounding took away: not zero on the mask. *)
Theorem packing_fails_after_rounding i : i \in A -> Q i (v i) != v i -> Q i (v i) != 0 ->
  let qz := Q i (z i) in
  qz != 0 /\ v i - qz != 0.
Proof. by move=> iA moved nz; rewrite /= (z_on iA) nz subr_eq0 (eq_sym (v i)) moved. Qed.
End Rounding.
End Packing.

(** Such numbers: 3/2 rounded to the integer 2 leaves -1/2 in the dual, beside z = 2. *)
Example rounded_first :
  let Q (a : rat) : rat := if a == 0 then 0 else 2%:R in
  let v : rat := 3%:R / 2%:R in
  [/\ Q 0 = 0, Q v = 2%:R & v - Q v = - (1 / 2%:R)].
Proof. by split; apply/eqP; vm_compute. Qed.

(** In the order z, w, u the dual is not confined to the complement of the mask. With the loss
    (w - 3)^2 / 2, penalty 1, z = 1 kept and u = 0, the exact step gives w = 2 and u' = 1. *)
Example dense_dual :
  let z : rat := 1 in let w : rat := 2%:R in let u' : rat := 0 + (w - z) in
  [/\ (w - 3%:R) + 1 * (w - z + 0) = 0, z != 0 & u' != 0].
Proof. by split; vm_compute. Qed.

(** But what w is drawn to, t = z - u, is all that order needs to go on: it is one tensor too,
    from which z and u cannot be told apart, and need not be. *)
Theorem one_tensor_dual_first (V : zmodType) (w z u : V) : u + (w - z) = w - (z - u).
Proof. by rewrite opprB addrCA. Qed.
