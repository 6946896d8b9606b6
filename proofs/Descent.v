(** One step in the order z, w, u lowers the augmented Lagrangian, up to its errors.

    [f] is mu-weakly convex with a beta-Lipschitz gradient; [delta] is the penalty. *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp.algebra_tactics Require Import ring.
From Tamis Require Import Space Projection.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Lagrangian.
Variables (R : realFieldType) (V : lmodType R) (ip : inner V) (delta : R) (f : V -> R).
Definition lagrangian (w z u : V) : R :=
  f w + delta / 2 * sq ip (w - z + u) - delta / 2 * sq ip u.
End Lagrangian.

Section Descent.
Variables (R : realFieldType) (V : lmodType R) (ip : inner V).
Notation sq := (sq ip).
Notation dot := (dot ip).
Variables (f : V -> R) (grad : V -> V) (mu beta delta : R).
Hypothesis delta_gt0 : 0 < delta.
Hypothesis convex : weakly_convex ip mu f grad.
Hypothesis smooth : lipschitz ip beta grad.
Notation L := (lagrangian ip delta f).

(** The step. [tau]: how far z' is from the best projection; [e']: residual of the w-update;
    [q]: rounding of the dual; [e]: what previous errors left in the dual. *)
Variables (w z u w' z' u' e e' q : V) (tau eta t s : R).
Hypothesis z_update : sq (w - z' + u) <= sq (w - z + u) + tau.
Hypothesis w_update : grad w' + delta *: (w' - z' + u) = e'.
Hypothesis u_update : u' = u + (w' - z') + q.
Hypothesis previous : grad w + delta *: u = e.
Hypotheses (eta_gt0 : 0 < eta) (t_gt0 : 0 < t) (s_gt0 : 0 < s).
Notation r := (w' - z').

Lemma z_step : L w z' u <= L w z u + delta / 2 * tau.
Proof.
rewrite /lagrangian -subr_ge0; move: z_update.
set a := sq (w - z + u); set b := sq (w - z' + u) => ab.
have -> : f w + delta / 2 * a - delta / 2 * sq u + delta / 2 * tau
  - (f w + delta / 2 * b - delta / 2 * sq u) = delta / 2 * (a + tau - b) by ring.
by rewrite mulr_ge0 ?subr_ge0 // divr_ge0 ?ler0n // ltW.
Qed.

Lemma w_step : L w' z' u <= L w z' u - (delta - mu) / 2 * sq (w' - w) - dot (w - w') e'.
Proof.
have := convex w' w; rewrite -subr_ge0 => wc.
have wE : w - z' + u = (r + u) + (w - w') by rewrite [RHS]addrC !addrA subrK.
have gE : dot (grad w') (w - w') = dot (w - w') e' - delta * dot (r + u) (w - w').
  by rewrite -w_update (dotC _ (w - w')) dotD dotZ; ring.
rewrite -subr_ge0 /lagrangian wE sqD [sq (w' - w)]sqC.
suff -> : forall A B C D E F, A + delta / 2 * (B + 2 * C + D) - F - (delta - mu) / 2 * D - E
    - (f w' + delta / 2 * B - F) = A - (f w' + (E - delta * C) - mu / 2 * D).
  by rewrite -gE.
by move=> *; field; rewrite ?ltr0n.
Qed.

Lemma u_step : L w' z' u' = L w' z' u + delta * sq r + delta * dot r q.
Proof.
rewrite /lagrangian u_update; move: (w' - z') => d.
by rewrite (sqD _ d (u + d + q)) (sqD _ d u) !dotDr -/(sq d); field; rewrite ?ltr0n.
Qed.

(** The gradient's step is the dual's, up to errors: this is what the order z, w, u buys. *)
Lemma dual_eq : delta *: r = (grad w - grad w') + (e' - e).
Proof.
have gw : grad w = e - delta *: u by rewrite -previous addrK.
have gw' : grad w' = e' - delta *: (r + u) by rewrite -w_update addrK.
rewrite gw gw' [delta *: (r + u)]scalerDr; move: (delta *: r) (delta *: u) => a b.
by rewrite opprB -addrA (addrA (a + b - e')) subrK addrC addrA subrK addrK.
Qed.

Lemma dual_change : delta * sq r <=
  ((1 + t) * beta ^+ 2 * sq (w' - w) + (1 + t^-1) * sq (e' - e)) / delta.
Proof.
rewrite ler_pdivl_mulr //.
have -> : delta * sq r * delta = sq (delta *: r) by rewrite sqZ; ring.
rewrite dual_eq; apply: le_trans (sqD_le _ _ _ t_gt0) _; rewrite ler_add2r -mulrA.
apply: ler_wpmul2l; first by rewrite addr_ge0 ?ler01 ?ltW.
by rewrite [sq (w' - w)]sqC; apply: smooth.
Qed.

(** No errors: the decrease of the paper, (delta - mu) / 2 - beta ^+ 2 / delta. *)
Theorem exact_descent : tau = 0 -> e = 0 -> e' = 0 -> q = 0 ->
  L w' z' u' <= L w z u - ((delta - mu) / 2 - beta ^+ 2 / delta) * sq (w' - w).
Proof.
move=> tau0 e0 e'0 q0.
have := z_step; rewrite tau0 mulr0 addr0 => hz.
have := w_step; rewrite e'0 dot0 subr0 => hw.
have := u_step; rewrite q0 dot0 mulr0 addr0 => hu.
have hr : delta * sq r <= beta ^+ 2 / delta * sq (w' - w).
  rewrite mulrAC ler_pdivl_mulr // mulrAC -expr2 -sqZ dual_eq e0 e'0 subr0 addr0.
  by rewrite [sq (w' - w)]sqC; apply: smooth.
rewrite hu mulrBl opprB addrA addrAC; apply: ler_add hr.
exact: le_trans hw (ler_add hz (lexx _)).
Qed.

(** All errors. *)
Theorem inexact_descent : L w' z' u' <= L w z u
    + ((1 + s) * (1 + t) * beta ^+ 2 / delta + eta / 2 - (delta - mu) / 2) * sq (w' - w)
    + (delta / 2 * tau + sq e' / (2 * eta) + (1 + s) * (1 + t^-1) / delta * sq (e' - e)
       + delta / (4 * s) * sq q).
Proof.
have hz := z_step; have hw := w_step; have hu := u_step; have hd := dual_change.
have hy := young ip (w - w') e' eta_gt0.
have hq : delta * dot r q <= s * (delta * sq r) + delta / (4 * s) * sq q.
  have s20 : 0 < 2 * s by rewrite mulr_gt0 ?ltr0n.
  have := young ip ((- 1) *: r) q s20; rewrite sqZ dotZ => y.
  have -> : s * (delta * sq r) + delta / (4 * s) * sq q
      = delta * (2 * s / 2 * ((- 1) ^+ 2 * sq r) + sq q / (2 * (2 * s))).
    by field; rewrite ?gt_eqF ?ltr0n.
  by rewrite ler_pmul2l //; apply: le_trans y; rewrite mulN1r opprK.
have s1 : 0 <= 1 + s by rewrite addr_ge0 ?ler01 ?ltW.
have hd' := ler_wpmul2l s1 hd.
rewrite hu; move: hz hw hy hq hd'; rewrite (sqC _ w w').
move: (L _ _ _) (L w z' u) (L w z u) => A B C.
move: (sq r) (dot r q) (dot (w - w') e') (sq (w' - w)) (sq e') (sq (e' - e)) (sq q).
move=> Sr Dq De D Se Sd Sq /slack h1 /slack h2 /slack h3 /slack h4 /slack h5.
rewrite -subr_ge0.
have sum5 (a b c d g v : R) : 0 <= a -> 0 <= b -> 0 <= c -> 0 <= d -> 0 <= g ->
    v = a + b + c + d + g -> 0 <= v by move=> *; subst; rewrite !addr_ge0.
by apply: (sum5 _ _ _ _ _ _ h1 h2 h3 h4 h5); field; rewrite ?gt_eqF ?ltr0n.
Qed.
End Descent.

(** With theorem 1: over weights indexed by a finite type, the z-update that keeps the largest is a
    projection (tau = 0), so the step of tamis in the order z, w, u descends. *)
Section Masks.
Variables (R : realFieldType) (I T : finType).
Notation W := {ffun I -> R^o}.
Notation ip := (coordinates R I).
Definition kept (A : {set I}) (v : W) : W := [ffun i => keep A v i].

Lemma kept_projection (A : {set I}) (g : I -> T) c (v z : W) :
  saturated g c A -> top g (fun i => v i ^+ 2) A -> feasible g c z ->
  sq ip (v - kept A v) <= sq ip (v - z).
Proof.
move=> sat best feas; have one (i : I) : 0 <= (1 : R) by exact: ler01.
have [|_ /(_ z feas)] := keep_projection (p := fun=> 1) (x := v) (fun i => one i) sat.
  by move=> i j gij iA jA; rewrite !mul1r; apply: best.
rewrite /dist !sq_coordinates.
have E (y : W) (k : I -> R) : (forall i, y i = k i) ->
    \sum_i 1 * (v i - k i) ^+ 2 = \sum_i (v - y) i ^+ 2.
  by move=> yk; apply: eq_bigr => i _; rewrite mul1r !ffunE yk.
by rewrite (E (kept A v) (keep A v)) ?(E z z) // => i; rewrite ffunE.
Qed.

Theorem masked_descent (f : W -> R) (grad : W -> W) mu beta delta (A : {set I}) (g : I -> T) c
    (w z u w' : W) :
  0 < delta -> weakly_convex ip mu f grad -> lipschitz ip beta grad ->
  saturated g c A -> top g (fun i => (w + u) i ^+ 2) A -> feasible g c z ->
  let z' := kept A (w + u) in let u' := u + (w' - z') in
  grad w' + delta *: (w' - z' + u) = 0 -> grad w + delta *: u = 0 ->
  lagrangian ip delta f w' z' u' <= lagrangian ip delta f w z u
    - ((delta - mu) / 2 - beta ^+ 2 / delta) * sq ip (w' - w).
Proof.
move=> d0 wc sm sat best feas z' u' step prev.
apply: (@exact_descent _ _ _ f grad mu beta delta d0 wc sm w z u w' z' u' 0 0 0 0) => //.
  have := kept_projection sat best feas; rewrite addr0.
  by rewrite [w - z' + u]addrAC [w - z + u]addrAC.
by rewrite addr0.
Qed.
End Masks.
